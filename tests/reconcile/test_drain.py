"""When a process that left traffic may be stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from sternway.core.formation import FormationKey, FormationState, Health, Member, ProcessState, Route
from sternway.reconcile.drain import Drain

KEY = FormationKey("shop", "web", "a")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PROCESS = ProcessState("p1", 0, Health.HEALTHY, NOW, endpoint="127.0.0.1:1")
STATES = (FormationState(KEY, "R", (PROCESS,)),)
IN_TRAFFIC = (Route("web", ("web.shop.localhost",), (Member(KEY, "127.0.0.1:1"),)),)
DRAIN_S = 30.0


@pytest.fixture
def drain() -> Drain:
    left = Drain()
    left.update(STATES, (), NOW)
    return left


def quiet(drain: Drain, after_s: float, in_flight: int = 0) -> bool:
    now = NOW + timedelta(seconds=after_s)
    return "p1" in drain.quiet(STATES, {"127.0.0.1:1": in_flight}, now, {KEY.service: DRAIN_S})


def test_a_process_in_traffic_is_never_quiet():
    drain = Drain()
    drain.update(STATES, IN_TRAFFIC, NOW)
    assert not drain.has_waiting()
    assert not quiet(drain, 100)


def test_a_process_that_just_left_may_still_be_handed_a_request(drain):
    assert not quiet(drain, 0.1)
    assert quiet(drain, 1)


def test_requests_in_flight_are_waited_for_until_the_drain_is_over(drain):
    assert not quiet(drain, 29, in_flight=1)
    assert quiet(drain, 30, in_flight=1)


def test_a_process_that_came_back_into_traffic_starts_anew(drain):
    drain.update(STATES, IN_TRAFFIC, NOW + timedelta(seconds=1))
    drain.update(STATES, (), NOW + timedelta(seconds=20))
    assert not quiet(drain, 20.1)


def test_a_clock_that_was_set_back_delays_and_does_not_hang(drain):
    earlier = NOW - timedelta(hours=1)
    drain.update(STATES, (), earlier)
    assert "p1" in drain.quiet(STATES, {}, earlier + timedelta(seconds=1), {KEY.service: DRAIN_S})


def test_a_worker_is_quiet_since_no_request_ever_needs_it():
    worker = FormationState(KEY, "R", (ProcessState("w1", 0, Health.HEALTHY, NOW),))
    drain = Drain()
    drain.update((worker,), (), NOW)
    assert drain.quiet((worker,), {}, NOW + timedelta(seconds=1), {KEY.service: DRAIN_S}) == {"w1"}


def test_a_process_on_its_way_in_is_not_waited_for_as_if_it_were_on_its_way_out():
    drain = Drain()
    drain.update(STATES, (), NOW, {KEY: 1})
    assert not drain.has_waiting()


def test_a_process_beyond_the_wanted_count_is_on_its_way_out():
    drain = Drain()
    drain.update(STATES, (), NOW, {KEY: 0})
    assert quiet(drain, 1)
