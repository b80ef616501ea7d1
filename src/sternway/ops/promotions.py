"""Use cases of promotions: promote, roll back, cancel, and watch.

Promoting and rolling back append rows and answer; the worker of the app does the rest. A rollback is a
copy of the older release that is promoted by the very code that promotes any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import ArtifactGone, NotFound, Refused
from sternway.core.event import Happening
from sternway.core.promotion import Promotion, PromotionOptions, PromotionStatus, admit
from sternway.core.release import Release, rollback_description
from sternway.core.target import desire
from sternway.ops import apps, artifacts
from sternway.ops.rack import Rack
from sternway.ops.releases import DEFAULT_LIMIT, check_limit, insert
from sternway.ports import Ledger, Step

MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class PromotionView:
    """A promotion and what happened during it, by time."""

    promotion: Promotion
    steps: Sequence[Step]


async def promote(rack: Rack, app_name: str, release_id: str, options: PromotionOptions, made: Made) -> Promotion:
    """Accept that a release is to become active, and return at once.

    Raises NotFound; InvalidInput without a build, for a release older than the active one, for a manifest
    or environment that cannot run; Refused while another promotion runs, unless forced; ArtifactGone.
    Nothing is changed then. Called twice it makes two attempts; the second finds nothing to do.
    """
    await _check_reachable(rack, app_name, release_id, options)
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        release = await ledger.releases.get(app, release_id)
        promotion = await _attempt(ledger, app, release, options, made)
        rack.cross(Crossing.PROMOTION_ADDING)
    rack.cross(Crossing.PROMOTION_ADDED)
    rack.changes.notify(app_name)
    return promotion


async def rollback(
    rack: Rack, app_name: str, release_id: str, options: PromotionOptions, made: Made
) -> tuple[Release, Promotion]:
    """Copy a release on top of the list and promote the copy, both or neither.

    It supersedes a promotion that runs. Errors are those of `promote`.
    """
    await _check_reachable(rack, app_name, release_id, options)
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        original = await ledger.releases.get(app, release_id)
        copy = await insert(ledger, app, _copy(original, rack.ids.release(), made))
        promotion = await _attempt(ledger, app, copy, options, made)
        rack.cross(Crossing.PROMOTION_ADDING)
    rack.cross(Crossing.PROMOTION_ADDED)
    rack.changes.notify(app_name)
    return copy, promotion


async def cancel(rack: Rack, app_name: str, made: Made) -> Promotion:
    """Stop the promotion that runs; the worker brings the release before it back. Raises Refused if none runs."""
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        latest = await ledger.promotions.latest(app)
        if latest is None or latest.status not in (PromotionStatus.PENDING, PromotionStatus.UPDATING):
            raise Refused("app is not updating", hint="there is nothing to cancel")
        cause = f"cancelled by {made.by}" + (f": {made.reason}" if made.reason else "")
        latest = await ledger.promotions.record(latest, PromotionStatus.REVERTING, made.at, cause)
        happening = Happening("app:promote:cancelled", made.by, made.at, detail={"id": latest.release_id})
        await apps.record(ledger, app, happening)
    rack.cross(Crossing.PROMOTION_CANCELLED)
    rack.changes.notify(app_name)
    return latest


async def list_newest(rack: Rack, app_name: str, limit: int = DEFAULT_LIMIT) -> Sequence[Promotion]:
    """Return the newest attempts first."""
    check_limit(limit)
    async with rack.store.read() as ledger:
        return await ledger.promotions.list(await ledger.apps.get(app_name), limit)


async def get(rack: Rack, app_name: str, promotion_id: int) -> PromotionView:
    """Return one attempt with its steps; raises NotFound."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        promotion = await ledger.promotions.get(app, promotion_id)
        return PromotionView(promotion, await ledger.promotions.steps(app, promotion_id=promotion_id))


async def wait(rack: Rack, app_name: str, promotion_id: int, *, after: int, timeout_s: float) -> PromotionView:
    """Return the attempt once it has more than `after` steps or has ended, or as it stands when time is up."""
    deadline = rack.clock.monotonic() + min(max(timeout_s, 0.0), MAX_WAIT_S)
    while True:
        seen = rack.changes.version(app_name)
        view = await get(rack, app_name, promotion_id)
        left = deadline - rack.clock.monotonic()
        if len(view.steps) > after or not view.promotion.status.is_open or left <= 0 or rack.changes.is_over:
            return view
        await rack.changes.wait(app_name, seen, left)


async def _check_reachable(rack: Rack, app_name: str, release_id: str, options: PromotionOptions) -> None:
    """Raise before anything changes unless the release can run: its manifest, variables and artifacts."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        release = await ledger.releases.get(app, release_id)
        if release.build_id is None:
            return
        try:
            build = await ledger.builds.get(app, release.build_id)
        except NotFound:
            return
    desired = desire(app, release, build, rack.place(), options)
    try:
        for artifact in {target.formation.artifact for target in desired.services}:
            await rack.builder.verify(app_name, artifact)
    except ArtifactGone as exc:
        raise await _gone(rack, app_name, release_id, exc) from exc


async def _gone(rack: Rack, app_name: str, release_id: str, cause: ArtifactGone) -> ArtifactGone:
    """Return the error that also says which releases there is a way back to."""
    left = [other for other in await artifacts.reachable(rack, app_name) if other != release_id]
    hint = (
        f"still there: {', '.join(left)}; take one: sternway releases rollback {left[0]} -a {app_name}" if left else ""
    )
    return ArtifactGone(f"release {release_id} cannot run: {cause.message}", hint=hint or cause.hint)


async def _attempt(ledger: Ledger, app: App, release: Release, options: PromotionOptions, made: Made) -> Promotion:
    active = await ledger.promotions.active(app)
    admit(release, active=active, latest=await ledger.promotions.latest(app), options=options)
    promotion = await ledger.promotions.add(app, release, options, made)
    detail = {"id": release.id, "reason": made.reason, "rollback_of": release.copy_of or ""}
    shown = {key: value for key, value in detail.items() if value}
    happening = Happening("release:promote", made.by, made.at, status="start", detail=shown)
    await apps.record(ledger, app, happening)
    return promotion


def _copy(original: Release, id: str, made: Made) -> Release:
    return replace(
        original,
        id=id,
        made=made,
        copy_of=original.id,
        is_rollback=True,
        description=rollback_description(original),
    )
