"""What can be found out about a move to another version before it is made: one check after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from sternway.core import version as versions
from sternway.core.errors import (
    ChannelRefused,
    ChannelUnavailable,
    Conflict,
    InvalidInput,
    NotFound,
    Refused,
    RowsStranded,
    SternwayError,
)
from sternway.ops.rack import Rack
from sternway.ports import Offer


@dataclass(frozen=True, slots=True)
class Wish:
    """Which version is wished for, empty for the newest of the channel. `force` takes one that was yanked.

    `accept_export`: rows that it cannot hold may be taken out, into a file.
    """

    version: str = ""
    force: bool = False
    accept_export: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found in words, and what it would be refused with if it is a problem."""

    name: str
    found: str
    problem: SternwayError | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was looked at. It ends at a version that is not known: nothing more can be said of it."""

    target: str
    checks: Sequence[Check]

    def require(self) -> None:
        """Raise the first problem."""
        for check in self.checks:
            if check.problem:
                raise check.problem


async def examine(rack: Rack, wish: Wish) -> Examination:
    """Look at everything in turn; what stands in the way is in the checks. Raises InvalidInput for no version."""
    if wish.version:
        versions.read(wish.version)
    checks = [_launcher(rack), await _quiet(rack)]
    try:
        offer, found = await _offer(rack, wish.version)
    except SternwayError as exc:
        return Examination(wish.version, [*checks, Check("version", exc.message, exc)])
    checks += [Check("version", found), _other(rack, offer), _yanked(offer, is_forced=wish.force)]
    checks += [await rows(rack, offer, accept_export=wish.accept_export)]
    return Examination(offer.version, checks)


async def rows(rack: Rack, offer: Offer, *, accept_export: bool) -> Check:
    """Look whether a version can hold what is in the store."""
    try:
        stranded = await rack.versions.stranded(offer)
    except SternwayError as exc:
        return Check("store", exc.message, exc)
    if not stranded:
        return Check("store", "it can hold every row")
    named = ", ".join(f"{count} of {table}" for table, count in sorted(stranded.items()))
    if accept_export:
        return Check("store", f"rows that it cannot hold are exported: {named}")
    refused = RowsStranded(
        f"version {offer.version} cannot hold some rows: {named}",
        hint="to have them exported to a file and taken out: --accept-export",
    )
    return Check("store", refused.message, refused)


def _launcher(rack: Rack) -> Check:
    try:
        rack.versions.check()
    except SternwayError as exc:
        return Check("launcher", exc.message, exc)
    return Check("launcher", "it can move this rack")


async def _quiet(rack: Rack) -> Check:
    target = await rack.versions.under_way()
    if not target:
        return Check("other moves", "none is under way")
    refused = Refused(f"the rack is being moved to {target}", hint="see how it ends: sternway rack releases --all")
    return Check("other moves", refused.message, refused)


async def _offer(rack: Rack, version: str) -> tuple[Offer, str]:
    """Return what is meant, and where it comes from. What is installed can be had without any channel."""
    try:
        offered, trouble = await rack.versions.offered(), None
    except (ChannelRefused, ChannelUnavailable, InvalidInput, NotFound) as exc:
        offered, trouble = (), exc
    if not version:
        return _newest(offered, trouble)
    for offer in offered:
        if offer.version == version:
            return offer, f"{version}, {'installed' if offer.is_installed else 'in the channel'}"
    for offer in await rack.versions.kept():
        if offer.version == version:
            return offer, f"{version}, installed" + (f"; of the channel: {trouble.message}" if trouble else "")
    raise trouble or NotFound(f"version not found: {version}", hint="is it in the channel? sternway rack params")


def _newest(offered: Sequence[Offer], trouble: SternwayError | None) -> tuple[Offer, str]:
    good = [offer for offer in offered if not offer.yanked]
    if not good:
        raise trouble or NotFound("the channel has no version for this machine", hint="publish one, or name another")
    newest = max(good, key=lambda offer: offer.version)
    return newest, f"{newest.version}, the newest of the channel"


def _other(rack: Rack, offer: Offer) -> Check:
    if offer.version != rack.settings.version:
        return Check("active version", rack.settings.version)
    conflict = Conflict(f"version {offer.version} is active already", hint="see them: sternway rack releases")
    return Check("active version", conflict.message, conflict)


def _yanked(offer: Offer, *, is_forced: bool) -> Check:
    if not offer.yanked:
        return Check("yanked", "no")
    if is_forced:
        return Check("yanked", f"{offer.yanked} (taken all the same)")
    refused = Refused(f"version {offer.version} was yanked: {offer.yanked}", hint="to take it all the same: --force")
    return Check("yanked", refused.message, refused)
