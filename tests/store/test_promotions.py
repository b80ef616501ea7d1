import pytest

from sternway import ports
from sternway.core import errors
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.store import promotions
from tests.store import samples
from tests.store.samples import AT, later, made

OPTIONS = PromotionOptions(force=True, timeout_s=60, minimum_percent=0, maximum_percent=200)
ENDED = [status for status in PromotionStatus if not status.is_open]


async def test_a_promotion_starts_pending_and_reads_back(ledger, app):
    release = await samples.added_release(ledger, app)
    promotion = await ledger.promotions.add(app, release, OPTIONS, made(reason="why"))
    assert (promotion.status, promotion.status_at, promotion.replaces) == (PromotionStatus.PENDING, AT, None)
    assert (promotion.options, promotion.made) == (OPTIONS, made(reason="why"))
    assert await ledger.promotions.latest(app) == promotion
    assert await ledger.promotions.get(app, promotion.id) == promotion


async def test_an_app_without_promotions_has_no_latest_and_nothing_active(ledger, app):
    assert await ledger.promotions.latest(app) is None
    assert await ledger.promotions.active(app) is None
    assert await ledger.promotions.active_id(app) is None
    assert await ledger.promotions.list(app, 10) == []


async def test_a_promotion_of_another_app_is_not_found(ledger, app):
    promotion = await samples.promoted(ledger, app)
    other = await ledger.apps.add("other", made())
    with pytest.raises(errors.NotFound, match=f"^promotion not found: {promotion.id}$"):
        await ledger.promotions.get(other, promotion.id)


async def test_a_record_says_how_a_promotion_stands(ledger, app):
    promotion = await samples.promoted(ledger, app)
    updating = await ledger.promotions.record(promotion, PromotionStatus.UPDATING, later(1))
    assert (updating.status, updating.status_at) == (PromotionStatus.UPDATING, later(1))
    reverting = await ledger.promotions.record(promotion, PromotionStatus.REVERTING, later(2), "unhealthy")
    assert (reverting.status, reverting.cause) == (PromotionStatus.REVERTING, "unhealthy")
    assert await ledger.promotions.latest(app) == reverting


@pytest.mark.parametrize("ended", ENDED)
async def test_a_promotion_that_has_ended_is_left_alone(ledger, app, ended):
    promotion = await samples.promoted(ledger, app)
    end = await ledger.promotions.record(promotion, ended, later(1), "first")
    assert await ledger.promotions.record(promotion, PromotionStatus.CANCELLED, later(2), "second") == end
    assert await ledger.promotions.latest(app) == end


async def test_a_new_promotion_supersedes_an_open_one(ledger, app):
    first = await samples.promoted(ledger, app)
    second = await samples.promoted(ledger, app)
    superseded = await ledger.promotions.get(app, first.id)
    assert superseded.status is PromotionStatus.SUPERSEDED
    assert superseded.cause == f"superseded by {second.release_id}"
    assert await ledger.promotions.list(app, 10) == [second, superseded]


async def test_a_new_promotion_leaves_an_ended_one_alone(ledger, app):
    first = await samples.promoted(ledger, app)
    completed = await ledger.promotions.record(first, PromotionStatus.COMPLETED, later(1))
    second = await samples.promoted(ledger, app)
    assert await ledger.promotions.list(app, 10) == [second, completed]


async def test_what_completed_last_is_active_whatever_was_tried_since(ledger, app):
    first = await samples.promoted(ledger, app)
    await ledger.promotions.record(first, PromotionStatus.COMPLETED, later(1))
    failed = await samples.promoted(ledger, app)
    await ledger.promotions.record(failed, PromotionStatus.REVERTED, later(2))
    latest = await samples.promoted(ledger, app)
    assert await ledger.promotions.active_id(app) == first.release_id
    assert (await ledger.promotions.active(app)) == await ledger.releases.get(app, first.release_id)
    assert latest.replaces == first.release_id


async def test_the_list_is_limited(ledger, app):
    added = [await samples.promoted(ledger, app) for _ in range(4)]
    assert [p.id for p in await ledger.promotions.list(app, 2)] == [added[3].id, added[2].id]


async def test_promotions_of_apps_do_not_mix(ledger, app):
    other = await ledger.apps.add("other", made())
    promotion = await samples.promoted(ledger, app)
    await ledger.promotions.record(await samples.promoted(ledger, other), PromotionStatus.COMPLETED, AT)
    assert await ledger.promotions.latest(app) == promotion
    assert await ledger.promotions.active_id(app) is None


async def test_steps_come_by_time_whatever_order_they_were_noted_in(ledger, app):
    promotion = await samples.promoted(ledger, app)
    second, first = ports.Step(later(2), "two", promotion.id), ports.Step(later(1), "one")
    for step in (second, first):
        await ledger.promotions.note(app, step)
    assert await ledger.promotions.steps(app) == [first, second]
    assert await ledger.promotions.steps(app, after=later(1)) == [second]
    assert await ledger.promotions.steps(app, after=later(2)) == []
    assert await ledger.promotions.steps(app, promotion_id=promotion.id) == [second]


async def test_the_newest_steps_are_kept_when_there_are_too_many(ledger, app, monkeypatch):
    monkeypatch.setattr(promotions, "MAX_STEPS", 2)
    steps = [ports.Step(later(n), f"{n}") for n in range(3)]
    for step in steps:
        await ledger.promotions.note(app, step)
    assert await ledger.promotions.steps(app) == steps[1:]
