"""Use cases of differences: what two releases have in common, and what not."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sternway.core import difference, history
from sternway.core.app import App, Made, Settings
from sternway.core.difference import Change
from sternway.core.errors import NotFound
from sternway.core.event import Happening
from sternway.core.release import Build, Release
from sternway.ops import apps, sizes, sources
from sternway.ops.rack import Rack
from sternway.ops.sizes import Sizes
from sternway.ports import Ledger

NOT_LISTED = "not known: the files of one of the builds were not listed when it was made"


@dataclass(frozen=True, slots=True)
class Side:
    """One of two releases. `settings` are those of when it was last active, None if it never was.

    `build` is None for a release without one. `sizes` are those of its artifacts, by service, as far as they are known.
    `files` and `source_bytes` are None where nobody listed them.
    """

    release: Release
    build: Build | None
    settings: Settings | None
    sizes: Sizes = field(default_factory=dict)
    files: int | None = None
    source_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs from one release to the other.

    `environment` has values only where they were revealed. `manifest` is by meaning, None where one of them
    cannot be read any more; `manifest_text` is a unified diff. `artifacts` are services whose artifact differs.
    `files` is None where it is not known. `settings` is empty where one side was never active.
    """

    app: str
    before: Side
    after: Side
    environment: Sequence[Change]
    manifest: Sequence[Change] | None
    manifest_text: str
    artifacts: Sequence[Change]
    files: Sequence[Change] | None
    settings: Sequence[Change]
    is_revealed: bool = False

    @property
    def is_same(self) -> bool:
        """Tell whether nothing differs but the settings."""
        return not (self.environment or self.manifest_text or self._is_other_build)

    @property
    def _is_other_build(self) -> bool:
        return self.before.release.build_id != self.after.release.build_id


@dataclass(frozen=True, slots=True)
class Pair:
    """Which releases: None are the active one (`after`) and the one before it (`before`)."""

    before: str | None = None
    after: str | None = None


async def compare(rack: Rack, app_name: str, pair: Pair = Pair()) -> Comparison:
    """Compare two releases without showing values. Raises NotFound, also where there is none before the active one."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        before, after = await _sides(ledger, app, pair)
    return await between(rack, app, before, after)


async def reveal(rack: Rack, app_name: str, pair: Pair, made: Made) -> Comparison:
    """Compare with the values of variables that differ, and put on record who saw them; errors as `compare`."""
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        before, after = await _sides(ledger, app, pair)
        await _record_seen(ledger, app, (before.release, after.release), made)
    rack.changes.notify(app_name)
    return await between(rack, app, before, after, reveal=True)


async def _record_seen(ledger: Ledger, app: App, pair: tuple[Release, Release], made: Made) -> None:
    """Record whose values are shown, and none of them; nothing where no variable differs."""
    before, after = pair
    names = [change.name for change in difference.environments(before.environment, after.environment)]
    if names:
        detail = {"before": before.id, "after": after.id, "keys": " ".join(names)}
        why = {"reason": made.reason} if made.reason else {}
        await apps.record(ledger, app, Happening("release:reveal", made.by, made.at, detail=detail | why))


async def side(ledger: Ledger, app: App, release: Release) -> Side:
    """Return what is known of a release, in the caller's transaction."""
    build = await ledger.builds.get(app, release.build_id) if release.build_id else None
    lines = await ledger.apps.settings(app)
    stands = await ledger.promotions.stands(app)
    return Side(release, build, history.settings_beside(stands, lines, ledger.releases.fingerprint(release)))


async def between(rack: Rack, app: App, before: Side, after: Side, *, reveal: bool = False) -> Comparison:
    """Compare two sides."""
    old, new = before.release, after.release
    trees = await sources.read(rack, app, old.build_id), await sources.read(rack, app, new.build_id)
    before, after = [replace(each, sizes=await sizes.read(rack, app, each.build)) for each in (before, after)]
    return Comparison(
        app=app.name,
        before=_measured(before, trees[0]),
        after=_measured(after, trees[1]),
        environment=difference.environments(old.environment, new.environment, reveal=reveal),
        manifest=difference.manifests(old.manifest, new.manifest),
        manifest_text=difference.unified(old.manifest, new.manifest, (old.id, new.id)),
        artifacts=difference.artifacts(before.build, after.build),
        files=None if trees[0] is None or trees[1] is None else difference.files(trees[0], trees[1]),
        settings=difference.settings(before.settings, after.settings) if before.settings and after.settings else (),
        is_revealed=reveal,
    )


async def _sides(ledger: Ledger, app: App, pair: Pair) -> tuple[Side, Side]:
    after = await _after(ledger, app, pair)
    before = await ledger.releases.get(app, pair.before) if pair.before else await _before(ledger, app)
    return await side(ledger, app, before), await side(ledger, app, after)


async def _after(ledger: Ledger, app: App, pair: Pair) -> Release:
    if pair.after:
        return await ledger.releases.get(app, pair.after)
    active = await ledger.promotions.active(app)
    if active is None:
        raise NotFound(f"no release of {app.name} is active", hint="name two: sternway releases diff A B")
    return active


async def _before(ledger: Ledger, app: App) -> Release:
    found = history.previous(await ledger.promotions.stands(app))
    if found is None:
        raise NotFound(f"{app.name} had no other release active before", hint="name two: sternway releases diff A B")
    return await ledger.releases.get(app, found.release_id)


def _measured(one: Side, tree: sources.Tree | None) -> Side:
    if tree is None:
        return one
    total = sum(file.size_bytes for file in tree.values())
    return replace(one, files=len(tree), source_bytes=total)
