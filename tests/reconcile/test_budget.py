"""The memory that what stands by may hold."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sternway.core.formation import FormationKey
from sternway.core.standby import Manner, Standby
from sternway.reconcile.budget import Held, excess

AT = datetime(2026, 1, 1, tzinfo=UTC)


def held(fingerprint: str, minutes: int | None, memory_mib: float) -> Held:
    since = None if minutes is None else AT - timedelta(minutes=minutes)
    return Held(Standby(FormationKey("shop", "web", fingerprint), Manner.RUNNING, since), memory_mib)


def test_what_has_stood_by_for_longest_goes_first():
    over = excess([held("old", 30, 100), held("new", 1, 100), held("older", 60, 100)], 250)
    assert {key.fingerprint for key in over} == {"older"}


def test_nothing_goes_within_the_budget():
    assert excess([held("a", 1, 100), held("b", 2, 100)], 200) == frozenset()


def test_what_is_about_to_be_replaced_goes_last():
    over = excess([held("leaving", None, 100), held("new", 1, 100)], 100)
    assert {key.fingerprint for key in over} == {"new"}


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 500)), max_size=10), st.floats(0, 1000))
def test_what_is_left_is_within_the_budget_and_no_older_than_what_goes(ages, budget):
    there = [held(str(number), age, memory) for number, (age, memory) in enumerate(ages)]
    over = excess(there, budget)
    left = [each for each in there if each.standby.key not in over]
    assert sum(each.memory_mib for each in left) <= budget + 1e-6
    minutes = {each.standby.key: age for each, (age, _) in zip(there, ages, strict=True)}
    assert max((minutes[each.standby.key] for each in left), default=0) <= min((minutes[k] for k in over), default=50)
