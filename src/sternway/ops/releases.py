"""Use cases of releases: make one, look at them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sternway.core import environment
from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import InvalidInput
from sternway.core.event import Happening
from sternway.core.release import (
    Build,
    BuildStatus,
    Release,
    ReleaseLine,
    Wish,
    draft,
    rollback_description,
)
from sternway.ops import apps, artifacts
from sternway.ops.rack import Rack
from sternway.ports import Ledger

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What a client asks a new release to be made of; None comes from the parent, `""` is an empty environment."""

    build_id: str | None = None
    env_text: str | None = None
    description: str | None = None
    parent_id: str | None = None


async def create(rack: Rack, app_name: str, request: ReleaseRequest, made: Made) -> Release:
    """Make a release of the newest one (or `parent_id`), replacing build, environment or both.

    One that repeats an older release's build and environment is marked as its copy, whoever made it.
    Raises NotFound, and InvalidInput for an environment that cannot be read.
    """
    values = None if request.env_text is None else environment.parse(request.env_text)
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        build = await _build(ledger, app, request.build_id)
        parent = await _parent(ledger, app, request.parent_id)
        release = await add(rack, ledger, app, Wish(parent, build, values, request.description or None), made)
        rack.cross(Crossing.RELEASE_ADDING)
    rack.cross(Crossing.RELEASE_ADDED)
    rack.changes.notify(app_name)
    return release


async def add(rack: Rack, ledger: Ledger, app: App, wish: Wish, made: Made) -> Release:
    """Draft a release, mark it if it is a copy, insert it and record the event, in the caller's transaction."""
    release = draft(wish, id=wish.id or rack.ids.release(), made=made, app_id=app.id)
    if wish.build and wish.environment is not None:
        release = await _marked(ledger, app, release, wish)
    return await insert(ledger, app, release)


async def insert(ledger: Ledger, app: App, release: Release) -> Release:
    """Insert a release and record the event, in the caller's transaction."""
    release = await ledger.releases.add(release)
    made = release.made
    detail = {"id": release.id, "description": release.description, "reason": made.reason}
    await apps.record(ledger, app, Happening("release:create", made.by, made.at, detail=detail))
    return release


async def _marked(ledger: Ledger, app: App, release: Release, wish: Wish) -> Release:
    """Mark a copy made by hand, as clients without a rollback of their own make them."""
    original = await ledger.releases.original(app, release)
    if original is None:
        return release
    newest = await ledger.releases.newest(app)
    is_rollback = newest is not None and original.order < newest.order
    says_nothing = wish.description is None and is_rollback
    description = rollback_description(original) if says_nothing else release.description
    return replace(release, copy_of=original.id, is_rollback=is_rollback, description=description)


async def get(rack: Rack, app_name: str, release_id: str) -> Release:
    """Return a release with environment and manifest; raises NotFound."""
    async with rack.store.read() as ledger:
        return await ledger.releases.get(await ledger.apps.get(app_name), release_id)


async def list_newest(rack: Rack, app_name: str, limit: int = DEFAULT_LIMIT) -> Sequence[ReleaseLine]:
    """Return the newest releases first; raises NotFound, and InvalidInput for the limit."""
    check_limit(limit)
    async with rack.store.read() as ledger:
        return await ledger.releases.list(await ledger.apps.get(app_name), limit)


async def list_with_gone(
    rack: Rack, app_name: str, limit: int = DEFAULT_LIMIT
) -> tuple[Sequence[ReleaseLine], Collection[str]]:
    """Return the newest releases first, and which of their builds are known to be gone; errors as `list_newest`.

    Nothing is said of them while the engine does not answer or is slow.
    """
    check_limit(limit)
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        lines = await ledger.releases.list(app, limit)
        made = await artifacts.recorded(ledger, app, artifacts.builds_of(lines))
    return lines, await artifacts.gone_among(rack, app_name, made) or ()


def check_limit(limit: int) -> None:
    """Raise InvalidInput unless a list may have that many rows."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit: {limit} is not between 1 and {MAX_LIMIT}", hint="leave it out for 10")


async def _build(ledger: Ledger, app: App, build_id: str | None) -> Build | None:
    if not build_id:
        return None
    build = await ledger.builds.get(app, build_id)
    if build.status is not BuildStatus.COMPLETE:
        raise InvalidInput(f"build {build_id} is {build.status}", hint=f"see why: sternway builds logs {build_id}")
    return build


async def _parent(ledger: Ledger, app: App, parent_id: str | None) -> Release | None:
    if parent_id:
        return await ledger.releases.get(app, parent_id)
    return await ledger.releases.newest(app)
