"""The versions of a rack: fetched from its channel, installed beside each other, and ordered of its launcher.

The launcher is no part of any version and imports nothing of one: the two know of each other by the files that
`launcher/files.py` lists. TUF is imported with the first look at a channel; most racks never take one.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sternway import threads
from sternway.channel import installed, served
from sternway.channel.abort import Abort
from sternway.channel.artifact import RACK, Artifact, this_platform
from sternway.core.errors import ChannelRefused, Corrupt, NotFound, Refused, Unavailable, Unsupported
from sternway.launcher import files as launched
from sternway.launcher.files import Files
from sternway.ports.versions import Move, Offer, Outcome

if TYPE_CHECKING:
    from sternway.channel.follow import Follower

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Places:
    """Where what belongs to the channel lies. `root` is the data directory of the rack."""

    root: Path

    @property
    def pinned(self) -> Path:
        """The root of the channel, as a person has pinned it."""
        return self.root / "channel" / "root.json"

    @property
    def trusted(self) -> Path:
        """What was seen of the channel: no older list is believed."""
        return self.root / "channel" / "trusted"

    @property
    def fetched(self) -> Path:
        """The artifact that is being installed."""
        return self.root / "channel" / "fetched.tar.gz"

    @property
    def served(self) -> Path:
        """A channel that this rack serves to others, as `sternway channel` publishes it there."""
        return self.root / "channel" / "served"


class RackVersions:
    """Fills `ports.Versions`.

    `version` is the one that runs, `address` returns that of the channel (empty while none is set), `stranded`
    counts by table the rows that a schema cannot hold.
    """

    def __init__(
        self,
        root: Path,
        version: str,
        *,
        is_launched: bool,
        address: Callable[[], Awaitable[str]],
        stranded: Callable[[str], Mapping[str, int]],
    ) -> None:
        self._places = Places(root)
        self._launcher = Files(root)
        self._version = version
        self._is_launched = is_launched
        self._address = address
        self._stranded = stranded
        self._installed = installed.Versions(self._launcher.versions)
        self._alone = asyncio.Lock()

    def check(self) -> None:
        """Raise Unsupported for a rack that was started without its launcher."""
        if not self._is_launched:
            raise Unsupported(
                "this rack was started without its launcher, which alone can move it to another version",
                hint="stop it, and start it by the launcher: sternway rack install",
            )

    async def offered(self) -> Sequence[Offer]:
        """Return what the channel lists for this machine, newest first."""
        address = await self._channel()
        async with self._alone:
            return await _aborted(functools.partial(self._offered, address))

    async def kept(self) -> Sequence[Offer]:
        """Return what is installed, newest first."""
        found = await _uninterrupted(self._installed.list)
        return [_kept(each) for each in found]

    async def prepare(self, version: str) -> Offer:
        """See to it that a version is installed, verified; a kept one needs neither network nor channel."""
        async with self._alone:
            try:
                return _kept(await _uninterrupted(self._installed.verify, version))
            except NotFound:
                address = await self._channel()
            return await _aborted(functools.partial(self._fetch, version, address))

    async def stranded(self, offer: Offer) -> Mapping[str, int]:
        """Return how many rows of which tables the version could not hold."""
        own = await _uninterrupted(self._installed.get, self._version)
        ours, theirs = str(own.about["schema"]), str(offer.about.get("schema", ""))
        newer, older = (offer.about, ours) if theirs >= ours else (own.about, theirs)
        if older not in newer.get("schemas", ()):
            raise Refused(
                f"version {offer.version} has schema {theirs or 'unknown'}, and there is no way to it from {ours}",
                hint="go by a version in between: sternway rack releases",
            )
        return {} if theirs >= ours else await _uninterrupted(self._stranded, theirs)

    async def order(self, move: Move) -> None:
        """Hand a prepared move to the launcher."""
        self.check()
        await _uninterrupted(self._order, move)

    async def under_way(self) -> str:
        """Return the version that the rack is being moved to, or nothing."""
        return await _uninterrupted(self._under_way) if self._is_launched else ""

    async def outcomes(self) -> Sequence[Outcome]:
        """Return how moves ended that were not forgotten yet, the oldest first."""
        return await _uninterrupted(self._outcomes) if self._is_launched else ()

    async def forget(self, outcome: Outcome) -> None:
        """Let go of an outcome."""
        await _uninterrupted(launched.remove, self._launcher.outcomes / f"{outcome.id}.json")

    async def published(self, name: str) -> Path:
        """Return a file of the channel that this rack serves to others."""
        found = await _uninterrupted(served.find, self._places.served, name)
        if found is None:
            raise NotFound("the channel of this rack has no such file", hint="see what it has: GET /channel/")
        return found

    async def keep(self, versions: Collection[str]) -> None:
        """Remove what is installed beside these and the version that runs."""
        async with self._alone:
            await _uninterrupted(self._keep, {*versions, self._version})

    # --- in threads ---

    async def _channel(self) -> str:
        address = await self._address()
        if not address:
            raise NotFound(
                "this rack follows no channel",
                hint="sternway channel trust ADDRESS --data DIR, then sternway rack params set channel=ADDRESS",
            )
        return address

    def _offered(self, address: str, abort: Abort) -> Sequence[Offer]:
        here = {each.version for each in self._installed.list()}
        return [_offer(artifact, here) for artifact in self._listed(self._follower(address, abort))]

    def _listed(self, follower: "Follower") -> Sequence[Artifact]:
        platform = this_platform()
        return [each for each in follower.artifacts() if (each.program, each.platform) == (RACK, platform)]

    def _follower(self, address: str, abort: Abort) -> "Follower":
        from sternway.channel.follow import Follower

        try:
            pinned = self._places.pinned.read_bytes()
        except FileNotFoundError as exc:
            raise ChannelRefused(
                "nothing says whom to trust: no root of the channel is pinned",
                hint=f"on the machine of the rack: sternway channel trust {address} --data {self._places.root}",
            ) from exc
        return Follower(address, self._places.trusted, root=pinned, abort=abort)

    def _fetch(self, version: str, address: str, abort: Abort) -> Offer:
        follower = self._follower(address, abort)
        found = [each for each in self._listed(follower) if each.version == version]
        if not found:
            raise NotFound(f"version not found: {version}", hint="is it in the channel? sternway rack params")
        fetched = self._places.fetched
        try:
            follower.fetch(found[0], fetched)
            return _kept(self._installed.install(fetched, version))
        finally:
            fetched.unlink(missing_ok=True)

    def _order(self, move: Move) -> None:
        if under_way := self._under_way():
            raise Refused(f"the rack is being moved to {under_way}", hint="see how it ends: sternway rack releases")
        launched.write(self._launcher.order, asdict(move))

    def _under_way(self) -> str:
        # The order first: it goes once the launcher has it in its state, so one of the two always tells.
        if order := _read(self._launcher.order):
            return str(order["target"])
        update = (_read(self._launcher.state) or {}).get("update")
        return str(update["target"]) if update else ""

    def _outcomes(self) -> Sequence[Outcome]:
        found = [told for path in self._launcher.outcomes.glob("*.json") if (told := _outcome(path))]
        return sorted(found, key=lambda outcome: outcome.ended_at)

    def _keep(self, versions: Collection[str]) -> None:
        for found in self._installed.list():
            if found.version not in versions:
                self._installed.remove(found.version)
                log.info("removed an old version", extra={"version": found.version})


def _kept(found: installed.Installed) -> Offer:
    return Offer(found.version, is_installed=True, about=found.about)


def _offer(artifact: Artifact, here: Collection[str]) -> Offer:
    is_here = artifact.version in here
    return Offer(artifact.version, artifact.notes, artifact.yanked, is_installed=is_here, about=artifact.about)


def _outcome(path: Path) -> Outcome | None:
    try:
        told = _read(path)
        return Outcome(**{each.name: told[each.name] for each in fields(Outcome)}) if told else None
    except (Corrupt, KeyError) as exc:
        log.warning("what the launcher tells of a move cannot be read", extra={"file": path.name, "problem": str(exc)})
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return launched.read(path)
    except ValueError as exc:
        raise Corrupt(f"{path.name} of the launcher is damaged", hint="see the log of the launcher") from exc


async def _uninterrupted(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread, which cannot be cancelled: whoever is waits for its end all the same.

    Raises Unavailable for what the disk does not do.
    """
    with _disk():
        return await threads.uninterrupted(work, *args, **kwargs)


async def _aborted(work: Callable[[Abort], T]) -> T:
    """Do the same with work that downloads: whoever is cancelled does not wait for a slow server."""
    abort = Abort()
    with _disk():
        return await threads.aborted_by(abort.now, work, abort)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Unavailable(f"the disk of the rack: {exc.strerror or exc}", hint="is it full?") from exc
