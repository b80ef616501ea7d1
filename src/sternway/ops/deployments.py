"""Use cases of deployments: source from an archive or a repository, built, and promoted as soon as it is built.

Which builds are to be promoted is in the ledger, with the order of the build: a rack that starts again promotes what
was built before its end. A build that the end interrupted has failed.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sternway.core import repository
from sternway.core.app import Made
from sternway.core.errors import InvalidInput, Refused, SternwayError, StoreUnavailable
from sternway.core.promotion import PromotionOptions
from sternway.core.release import Build, BuildOptions, Deployment
from sternway.core.repository import Address, Commit
from sternway.ops import builds, promotions
from sternway.ops.builds import Order
from sternway.ops.rack import Rack

log = logging.getLogger(__name__)

PATIENCE_S = 600.0
"""How long a release waits for the promotion of another one to end."""
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Origin:
    """A repository and what of it; empty is what it shows by itself."""

    address: str
    ref: str = ""


async def upload(rack: Rack, app_name: str, chunks: AsyncIterator[bytes]) -> str:
    """Keep an archive while it comes, and return its key. Raises InvalidInput for what is none, TooLarge, NotFound."""
    key = f"tmp/{rack.ids.secret(30)}"
    await builds.store_source(rack, app_name, key, _checked(chunks))
    return key


async def fetch(rack: Rack, app_name: str, origin: Origin) -> tuple[str, Commit]:
    """Fetch a commit of a repository, keep it as an archive, and return its key.

    Raises InvalidInput for the address or the ref, NotFound for the app, Refused while others are fetched and what
    `Repositories.fetch` raises.
    """
    address, ref = repository.read(origin.address), repository.read_ref(origin.ref)
    if rack.fetches.locked():
        raise Refused("other repositories are being fetched", hint="try again in a moment")
    async with rack.fetches:
        return await _fetched(rack, app_name, address, ref)


async def order(rack: Rack, app_name: str, options: BuildOptions, description: str, made: Made) -> Build:
    """Order a build whose release is promoted once it is there, and return at once; errors as `builds.create`."""
    return await builds.order(rack, app_name, Order(options, description, is_deployed=True), made)


async def order_repository(rack: Rack, app_name: str, origin: Origin, description: str, made: Made) -> Build:
    """Fetch a repository and order its build, as above; the commit says what it is called where nobody did."""
    key, commit = await fetch(rack, app_name, origin)
    made = replace(made, at=rack.clock.now())
    return await order(rack, app_name, BuildOptions(key, git_sha=commit.sha), description or commit.description, made)


async def find(rack: Rack, build_id: str) -> Deployment | None:
    """Return what was wanted of the release of a build, if anything was."""
    async with rack.store.read() as ledger:
        return await ledger.deployments.find(build_id)


async def list_due(rack: Rack) -> Mapping[str, Sequence[str]]:
    """Return the builds whose release waits to be promoted, by app, the oldest first."""
    found: dict[str, list[str]] = {}
    async with rack.store.read() as ledger:
        for app_name, build_id in await ledger.deployments.list_due():
            found.setdefault(app_name, []).append(build_id)
    return found


async def conclude(rack: Rack, app_name: str, build_id: str) -> None:
    """Promote the release of a build that has ended, if that was asked for; what stands in the way is recorded.

    A rack that ends meanwhile, or a store that does not answer, leaves the wish as it is, for the next start.
    """
    try:
        wanted = await find(rack, build_id)
        if wanted and not wanted.problem:
            await _fulfil(rack, app_name, wanted)
    except SternwayError as exc:
        log.warning("a deployment waits for the next start", extra={"build": build_id, "problem": exc.message})


async def _fulfil(rack: Rack, app_name: str, wanted: Deployment) -> None:
    try:
        build = await builds.get(rack, app_name, wanted.build_id)
        if build.release_id is not None:
            await _promote_in_turn(rack, app_name, build.release_id, wanted.made)
    except StoreUnavailable:
        raise
    except SternwayError as exc:
        if not rack.changes.is_over:
            await _give_up(rack, app_name, wanted, exc.message)


async def _give_up(rack: Rack, app_name: str, wanted: Deployment, problem: str) -> None:
    log.warning("a release is not promoted", extra={"app": app_name, "build": wanted.build_id, "problem": problem})
    async with rack.store.write() as ledger:
        await ledger.deployments.give_up(wanted.build_id, problem, replace(wanted.made, at=rack.clock.now()))
    rack.changes.notify(app_name)


async def _promote_in_turn(rack: Rack, app_name: str, release_id: str, made: Made) -> None:
    """Promote it once no other promotion runs."""
    give_up_at = rack.clock.monotonic() + PATIENCE_S
    while True:
        seen = rack.changes.version(app_name)
        now = replace(made, at=rack.clock.now())
        try:
            await promotions.promote(rack, app_name, release_id, PromotionOptions(), now)
            return
        except Refused:
            left_s = give_up_at - rack.clock.monotonic()
            if left_s <= 0 or rack.changes.is_over:
                raise
        await rack.changes.wait(app_name, seen, left_s)


async def _fetched(rack: Rack, app_name: str, address: Address, ref: str) -> tuple[str, Commit]:
    async with rack.repositories.fetch(address, ref) as fetched:
        key = f"tmp/{rack.ids.secret(30)}.tar"
        await builds.store_source(rack, app_name, key, fetched.tar)
        return key, fetched.commit


async def _checked(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass an archive on; raise InvalidInput at its beginning for nothing at all, and for a zip."""
    is_first = True
    async for chunk in chunks:
        if is_first and chunk.startswith(_ZIP):
            raise InvalidInput("archive: a zip is not taken", hint="pack it as tar: tar czf source.tgz .")
        is_first = is_first and not chunk
        yield chunk
    if is_first:
        raise InvalidInput("archive: no file was sent, or an empty one", hint="choose a .tgz or .tar of the source")
