"""Promotions: which are admitted, and what clients are told of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sternway.core.app import AppStatus, Made
from sternway.core.environment import Environment
from sternway.core.errors import InvalidInput, Refused
from sternway.core.promotion import (
    Activation,
    Promotion,
    PromotionOptions,
    PromotionStatus,
    Standing,
    admit,
    status_of_app,
)
from sternway.core.release import Release

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MADE = Made(NOW, "ann")
OLD = Release("ROOOOOOOOOO", 1, MADE, "BAAAAAAAAAA", Environment(), "services: {}", order=1)
NEW = replace(OLD, id="RNNNNNNNNNN", order=2)
OPTIONS = PromotionOptions()


def after(active: Release, latest: Promotion | None = None) -> Standing:
    return Standing(latest, (Activation(active.id, NOW, active.order),))


def promotion(status: PromotionStatus) -> Promotion:
    return Promotion(1, 1, NEW.id, MADE, OLD.id, status=status, status_at=NOW)


def test_a_newer_release_with_a_build_is_admitted():
    admit(NEW, after(OLD), OPTIONS)


def test_the_active_release_may_be_promoted_again():
    admit(OLD, after(OLD), OPTIONS)


def test_a_release_without_a_build_is_refused():
    with pytest.raises(InvalidInput, match="has no build"):
        admit(replace(NEW, build_id=None), after(OLD), OPTIONS)


def test_an_older_release_is_refused_with_advice_to_roll_back():
    with pytest.raises(InvalidInput, match="older") as refusal:
        admit(OLD, after(NEW), OPTIONS)
    assert "rollback" in refusal.value.hint


def test_older_goes_by_order_and_not_by_the_clock():
    clock_set_back = replace(NEW, made=Made(NOW - timedelta(hours=1), "ann"))
    admit(clock_set_back, after(OLD), OPTIONS)


@pytest.mark.parametrize("status", [s for s in PromotionStatus if s.is_open])
def test_a_running_promotion_refuses_another(status):
    with pytest.raises(Refused, match="currently updating"):
        admit(NEW, after(OLD, promotion(status)), OPTIONS)


def test_force_and_a_rollback_supersede_a_running_promotion():
    running = promotion(PromotionStatus.UPDATING)
    admit(NEW, after(OLD, running), PromotionOptions(force=True))
    admit(replace(NEW, is_rollback=True), after(OLD, running), OPTIONS)


@pytest.mark.parametrize(
    "options",
    [PromotionOptions(minimum_percent=101), PromotionOptions(maximum_percent=99), PromotionOptions(timeout_s=0)],
)
def test_options_out_of_bounds_are_refused(options):
    with pytest.raises(InvalidInput):
        admit(NEW, after(OLD), options)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (PromotionStatus.PENDING, AppStatus.UPDATING),
        (PromotionStatus.UPDATING, AppStatus.UPDATING),
        (PromotionStatus.REVERTING, AppStatus.ROLLBACK),
        (PromotionStatus.REVERTED, AppStatus.ROLLBACK),
        (PromotionStatus.COMPLETED, AppStatus.RUNNING),
        (PromotionStatus.SUPERSEDED, AppStatus.RUNNING),
    ],
)
def test_clients_are_told_the_words_of_the_contract(status, shown):
    assert status_of_app(promotion(status), NOW) is shown


def test_a_revert_is_shown_long_enough_for_a_client_that_polls_every_five_seconds():
    reverted = promotion(PromotionStatus.REVERTED)
    assert status_of_app(reverted, NOW + timedelta(seconds=5.5)) is AppStatus.ROLLBACK
    assert status_of_app(reverted, NOW + timedelta(seconds=8)) is AppStatus.RUNNING


def test_an_app_without_promotions_is_running():
    assert status_of_app(None, NOW) is AppStatus.RUNNING


def test_nothing_leads_back_from_reverting():
    reverting = PromotionStatus.REVERTING
    assert {s for s in PromotionStatus if reverting.may_become(s)} == {
        PromotionStatus.REVERTED,
        PromotionStatus.SUPERSEDED,
    }


@pytest.mark.parametrize("ended", [s for s in PromotionStatus if not s.is_open])
def test_what_has_ended_stays_as_it_is(ended):
    assert not any(ended.may_become(status) for status in PromotionStatus)
