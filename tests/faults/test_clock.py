"""The clock of the machine is set back an hour, and forward again: order goes by numbers and not by time."""

from datetime import datetime, timedelta

import pytest

from sternway.clock import SystemClock
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.ops import apps, promotions, releases
from tests.rack import RackUnderTest, rack_under_test


class ShiftedClock(SystemClock):
    """The clock of the machine, and by how much somebody set it."""

    shift = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift


@pytest.fixture
async def shifted(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.rack.SystemClock", ShiftedClock)
    async with rack_under_test(tmp_path) as opened:
        yield opened


def set_clock(running: RackUnderTest, shift: timedelta) -> None:
    running.rack.clock.shift = shift  # type: ignore[attr-defined]


async def test_releases_and_the_active_one_keep_their_order_when_the_clock_is_set_back(shifted):
    await shifted.app()
    first = await shifted.deployed()
    set_clock(shifted, timedelta(hours=-1))
    second = await shifted.release(env_text="GREETING=second")
    promotion = await shifted.promoted(second.id)
    assert promotion.status is PromotionStatus.COMPLETED
    assert await shifted.active() == second.id
    lines = await releases.list_newest(shifted.rack, "shop")
    assert [line.id for line in lines] == [second.id, first]
    assert lines[0].made.at < lines[1].made.at


async def test_a_rollback_works_while_the_clock_is_an_hour_behind(shifted):
    await shifted.app()
    first = await shifted.deployed()
    second = await shifted.release(env_text="GREETING=second")
    await shifted.promoted(second.id)
    set_clock(shifted, timedelta(hours=-1))
    options = PromotionOptions()
    copy, promotion = await promotions.rollback(shifted.rack, "shop", first, options, shifted.made())
    assert (await shifted.ended(promotion)).status is PromotionStatus.COMPLETED
    assert await shifted.active() == copy.id


async def test_what_is_out_of_traffic_is_stopped_although_the_clock_was_set_back_meanwhile(shifted):
    await shifted.app()
    await apps.update(shifted.rack, "shop", shifted.made(), parameters={"Standby": "off"})
    await shifted.deployed()
    second = await shifted.release(env_text="GREETING=second")
    await shifted.promoted(second.id)
    set_clock(shifted, timedelta(hours=-1))
    wanted = set(await shifted.fingerprints(second.id))
    await shifted.until("shop", lambda formations: {f.key.fingerprint for f in formations} == wanted)


async def test_a_promotion_is_not_late_because_the_clock_was_set_back(shifted):
    await shifted.app()
    await shifted.deployed()
    second = await shifted.release(env_text="GREETING=second")
    await shifted.hold(second.id)
    options = PromotionOptions(timeout_s=60)
    begun = await promotions.promote(shifted.rack, "shop", second.id, options, shifted.made())
    set_clock(shifted, timedelta(hours=-1))
    await shifted.let_go(second.id)
    assert (await shifted.ended(begun)).status is PromotionStatus.COMPLETED
