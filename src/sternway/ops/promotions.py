"""Use cases of promotions: promote, roll back, cancel, and watch.

Promoting and rolling back append rows and answer; the worker of the app does the rest. A rollback is a
copy of the older release that is promoted by the very code that promotes any other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sternway.core import history
from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import InvalidInput, Refused
from sternway.core.event import Happening
from sternway.core.promotion import Promotion, PromotionOptions, PromotionStatus, admit
from sternway.core.release import Part, Release
from sternway.ops import apps, reach, situation
from sternway.ops.head_start import HeadStart, examining
from sternway.ops.rack import Rack
from sternway.ops.reach import Candidate
from sternway.ops.releases import DEFAULT_LIMIT, check_limit, insert
from sternway.ops.situation import Situation
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
    async with rack.store.read() as ledger:
        candidate = await reach.as_it_is(ledger, await ledger.apps.get(app_name), release_id)
    desired = await reach.check(rack, candidate, options)
    async with examining(rack, desired) as examination:
        async with rack.store.write() as ledger:
            app = await ledger.apps.get(app_name)
            release = await ledger.releases.get(app, release_id)
            promotion, begun = await attempt(ledger, replace(candidate, app=app, release=release), options, made)
            rack.cross(Crossing.PROMOTION_ADDING)
        rack.cross(Crossing.PROMOTION_ADDED)
        await rack.changes.hand_over(app_name, HeadStart(begun, examination.ended()))
    return promotion


@dataclass(frozen=True, slots=True)
class Back:
    """What a rollback brings back: a release, or one part of it only, and perhaps also what was set for the app."""

    release_id: str
    part: Part | None = None
    with_settings: bool = False


async def rollback(
    rack: Rack, app_name: str, release_id: str, options: PromotionOptions, made: Made
) -> tuple[Release, Promotion]:
    """Go back to a whole release, and leave what is set for the app as it is; see `go_back`."""
    return await go_back(rack, app_name, Back(release_id), options, made)


async def go_back(
    rack: Rack, app_name: str, back: Back, options: PromotionOptions, made: Made
) -> tuple[Release, Promotion]:
    """Copy a release on top of the list and promote the copy, both or neither.

    It supersedes a promotion that runs. Errors are those of `promote`, and InvalidInput for settings of a release
    that was never active. What is set for the app stays set, whatever becomes of the promotion.
    """
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        candidate = await reach.gone_back_to(ledger, app, back.release_id, back.part, made)
    desired = await reach.check(rack, candidate, options)
    async with examining(rack, desired) as examination:
        async with rack.store.write() as ledger:
            app = await ledger.apps.get(app_name)
            if back.with_settings:
                app = await _bring_back_settings(ledger, app, back.release_id, made)
            wanted = await _still(ledger, app, candidate, back, made)
            copy = await insert(ledger, app, replace(wanted, id=rack.ids.release()))
            promotion, begun = await attempt(ledger, replace(candidate, app=app, release=copy), options, made)
            rack.cross(Crossing.PROMOTION_ADDING)
        rack.cross(Crossing.PROMOTION_ADDED)
        await rack.changes.hand_over(app_name, HeadStart(begun, examination.ended()))
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
        detail = {"id": latest.release_id} | ({"reason": made.reason} if made.reason else {})
        happening = Happening("app:promote:cancelled", made.by, made.at, detail=detail)
        await apps.record(ledger, app, happening)
    rack.cross(Crossing.PROMOTION_CANCELLED)
    rack.changes.notify(app_name)
    return latest


async def list_newest(rack: Rack, app_name: str, limit: int = DEFAULT_LIMIT) -> Sequence[Promotion]:
    """Return the newest attempts first."""
    check_limit(limit)
    async with rack.store.read() as ledger:
        return await ledger.promotions.list(await ledger.apps.get(app_name), limit)


async def of_releases(rack: Rack, app_name: str, release_ids: Collection[str]) -> Mapping[str, Promotion]:
    """Return the newest attempt at each of these releases; those never tried are left out."""
    async with rack.store.read() as ledger:
        return await ledger.promotions.of_releases(await ledger.apps.get(app_name), release_ids)


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


async def _still(ledger: Ledger, app: App, candidate: Candidate, back: Back, made: Made) -> Release:
    """Return what was checked, as it is in this transaction: a whole release never changes, and is not read again."""
    if back.part is None and candidate.app.id == app.id:
        return candidate.release
    return (await reach.gone_back_to(ledger, app, back.release_id, back.part, made)).release


async def _bring_back_settings(ledger: Ledger, app: App, release_id: str, made: Made) -> App:
    """Set what was set when the content of this release was last active."""
    release = await ledger.releases.get(app, release_id)
    stands, lines = await ledger.promotions.stands(app), await ledger.apps.settings(app)
    then = history.settings_beside(stands, lines, ledger.releases.fingerprint(release))
    if then is None:
        raise InvalidInput(
            f"release {release.id} was never active, so nothing was set beside it", hint="leave out --settings"
        )
    return await apps.set_all(ledger, app, then, made)


async def attempt(
    ledger: Ledger, candidate: Candidate, options: PromotionOptions, made: Made
) -> tuple[Promotion, Situation | None]:
    """Add a promotion and its event, in the caller's transaction; raises what `admit` does.

    Returns also what the worker is to begin with, unless it has to look for itself.
    """
    app, release = candidate.app, candidate.release
    standing = await ledger.promotions.standing(app)
    admit(release, standing, options)
    promotion = await ledger.promotions.add_after(standing, app, release, options, made)
    detail = {"id": release.id, "reason": made.reason, "rollback_of": release.copy_of or ""}
    shown = {key: value for key, value in detail.items() if value}
    happening = Happening("release:promote", made.by, made.at, status="start", detail=shown)
    await apps.record(ledger, app, happening)
    return promotion, await situation.begun(ledger, candidate, promotion, standing)
