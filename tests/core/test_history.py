"""Which release `previous` and a time mean, over histories with failures, reverts, copies and clock steps."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sternway.core import history
from sternway.core.app import Made, Settings
from sternway.core.history import SettingsLine, Stand
from sternway.core.promotion import PromotionStatus

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENDS = [s for s in PromotionStatus if not s.is_open]


@dataclass(frozen=True)
class Attempt:
    content: str
    status: PromotionStatus
    step_s: int


ATTEMPTS = st.lists(
    st.builds(
        Attempt,
        content=st.sampled_from("abcd"),
        status=st.sampled_from([*ENDS, PromotionStatus.COMPLETED]),
        step_s=st.integers(-7200, 7200),
    ),
    max_size=25,
)


def stands_of(attempts: list[Attempt]) -> list[Stand]:
    """What the ledger would say of these attempts, newest first; each is a release of its own."""
    now, stands = START, []
    for number, attempt in enumerate(attempts, 1):
        asked, now = now, now + timedelta(seconds=attempt.step_s)
        if attempt.status is PromotionStatus.COMPLETED:
            stands.append(Stand(number, f"R{number}", attempt.content, asked, now))
    return stands[::-1]


def after_going_back(stands: list[Stand], to: Stand) -> list[Stand]:
    newest = stands[0]
    number = newest.promotion_id + 1
    return [replace(to, promotion_id=number, release_id=f"R{number}", asked_at=newest.at, at=newest.at), *stands]


@given(ATTEMPTS)
def test_previous_was_healthy_in_production_and_differs_from_what_is_active(attempts):
    stands = stands_of(attempts)
    found = history.previous(stands)
    if found is None:
        assert len({stand.content for stand in stands}) <= 1
        return
    assert attempts[found.promotion_id - 1].status is PromotionStatus.COMPLETED
    assert found.content != stands[0].content
    between = [stand for stand in stands if found.promotion_id < stand.promotion_id]
    assert {stand.content for stand in between} == {stands[0].content}


@given(ATTEMPTS)
def test_going_back_to_the_previous_one_twice_returns(attempts):
    stands = stands_of(attempts)
    found = history.previous(stands)
    if found is None:
        return
    once = after_going_back(stands, found)
    back = history.previous(once)
    assert back is not None
    assert back.content == stands[0].content
    third = history.previous(after_going_back(once, back))
    assert third is not None
    assert third.content == found.content


@given(ATTEMPTS, st.integers(-200_000, 200_000))
def test_a_time_means_a_release_that_had_become_active_by_then_and_of_those_the_newest(attempts, offset_s):
    stands = stands_of(attempts)
    moment = START + timedelta(seconds=offset_s)
    found = history.active_at(stands, moment)
    reached = [stand for stand in stands if stand.at <= moment]
    assert found == (max(reached, key=lambda stand: stand.promotion_id) if reached else None)


@given(ATTEMPTS)
def test_with_a_clock_that_never_steps_a_time_means_what_was_active_then(attempts):
    stands = stands_of([replace(each, step_s=abs(each.step_s) + 1) for each in attempts])
    for stand in stands:
        until = history.left_at(stands, stand)
        assert history.active_at(stands, stand.at) == stand
        if until is not None:
            found = history.active_at(stands, until - timedelta(microseconds=1))
            assert found is not None
            assert found.content == stand.content


@given(ATTEMPTS, st.lists(st.tuples(st.integers(-9000, 9000), st.integers(0, 9)), max_size=10))
def test_settings_beside_a_release_were_set_at_some_time_or_are_the_default(attempts, sets):
    stands = stands_of(attempts)
    lines = [
        SettingsLine(Settings(scale={"web": count}), Made(START + timedelta(seconds=at), "ann")) for at, count in sets
    ]
    known = [line.settings for line in lines] + [Settings()]
    for content in "abcde":
        found = history.settings_beside(stands, lines, content)
        assert (found is None) == all(stand.content != content for stand in stands)
        assert found is None or found in known


def line(minutes: int, count: int) -> SettingsLine:
    return SettingsLine(Settings(scale={"web": count}), Made(START + timedelta(minutes=minutes), "ann"))


def stand(number: int, content: str, minutes: int) -> Stand:
    at = START + timedelta(minutes=minutes)
    return Stand(number, f"R{number}", content, at, at)


def test_settings_are_those_of_when_the_release_was_last_left():
    stands = [stand(3, "b", 30), stand(2, "a", 20), stand(1, "a", 0)]
    lines = [line(40, 5), line(25, 4), line(5, 3)]
    assert history.settings_beside(stands, lines, "a") == Settings(scale={"web": 4})


def test_settings_that_a_rollback_brought_are_not_those_of_what_it_left():
    asked, done = START + timedelta(minutes=20), START + timedelta(minutes=21)
    stands = [Stand(2, "R2", "b", asked, done), stand(1, "a", 0)]
    assert history.settings_beside(stands, [line(20, 4), line(5, 3)], "a") == Settings(scale={"web": 3})


def test_settings_of_the_active_content_are_those_of_now():
    stands = [stand(3, "b", 30), stand(1, "a", 0)]
    assert history.settings_beside(stands, [line(40, 5), line(25, 4)], "b") == Settings(scale={"web": 5})


def test_how_long_it_takes_is_the_median_without_what_a_clock_made_negative():
    took = [Stand(n, f"R{n}", "a", START, START + timedelta(seconds=s)) for n, s in enumerate([4, 2, -50, 30])]
    assert history.typical_s(took) == 4
    assert history.typical_s([]) is None


def test_nothing_was_active_before_the_first_promotion():
    assert history.previous([]) is None
    assert history.active_at([stand(1, "a", 0)], START - timedelta(seconds=1)) is None
