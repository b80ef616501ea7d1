"""What may stand by, from what is set and what was active when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core import standby
from sternway.core.errors import InvalidInput
from sternway.core.formation import FormationKey
from sternway.core.standby import Manner, Policy, Replaced, Standby, choose

AT = datetime(2026, 1, 1, tzinfo=UTC)


def web(fingerprint: str) -> FormationKey:
    return FormationKey("shop", "web", fingerprint)


def replaced(fingerprint: str, minutes: int | None = 0) -> Replaced:
    at = None if minutes is None else AT - timedelta(minutes=minutes)
    return Replaced(((web(fingerprint), Manner.RUNNING),), at)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("off", Policy()),
        ("0", Policy()),
        ("3", Policy(releases=3)),
        ("90s", Policy(timedelta(seconds=90))),
        ("10m", Policy(timedelta(minutes=10))),
        ("2h", Policy(timedelta(hours=2))),
        ("1d", Policy(timedelta(days=1))),
    ],
)
def test_how_long_is_a_time_a_count_or_off(text, policy):
    assert standby.read(text) == policy


@pytest.mark.parametrize("text", ["", "on", "-1", "21", "10 m", "1.5h", "10m\n", "٣", "9999999d"])
def test_anything_else_is_refused_by_its_name(text):
    with pytest.raises(InvalidInput, match="parameters: Standby: ") as caught:
        standby.read(text)
    assert "Standby=10m" in (caught.value.hint or "")


@pytest.mark.parametrize(("text", "mib"), [("", 250.0), ("512", 512.0), ("10%", 100.0), ("0", 0.0), ("100%", 1000.0)])
def test_the_budget_is_memory_or_a_share_of_the_machines(text, mib):
    assert standby.budget_mib(text, 1000) == mib


@pytest.mark.parametrize("text", ["much", "-5", "101%", "5GB", "1.5"])
def test_no_other_budget_is_accepted(text):
    with pytest.raises(InvalidInput, match="standby_memory: "):
        standby.read_budget(text)


def test_each_stands_by_for_its_time_from_when_it_was_replaced():
    chosen = choose(Policy(timedelta(minutes=10)), [replaced("b", 1), replaced("a", 5)], [web("c")])
    assert [(each.key.fingerprint, each.until) for each in chosen] == [
        ("b", AT + timedelta(minutes=9)),
        ("a", AT + timedelta(minutes=5)),
    ]


def test_what_is_about_to_be_replaced_may_stand_by_without_an_end():
    (chosen,) = choose(Policy(timedelta(minutes=10)), [replaced("a", None)], [web("b")])
    assert chosen == Standby(web("a"), Manner.RUNNING, None, None)
    assert chosen.lasts(datetime.max.replace(tzinfo=UTC))


def test_content_that_several_releases_ran_counts_once_and_for_the_latest():
    history = [replaced("b", 1), replaced("a", 2), replaced("b", 3), replaced("z", 4)]
    assert [each.key.fingerprint for each in choose(Policy(releases=2), history, [web("c")])] == ["b", "a"]
    assert [each.key.fingerprint for each in choose(Policy(releases=2), history, [web("b")])] == ["a", "z"]


def test_what_does_not_stand_by_lasts_at_no_time():
    assert not Standby(web("a"), Manner.GONE).lasts(AT)


FINGERPRINTS = st.sampled_from(["a", "b", "c", "d"])
HISTORIES = st.lists(st.builds(replaced, FINGERPRINTS, st.one_of(st.none(), st.integers(0, 100))), max_size=12)
POLICIES = st.one_of(
    st.builds(lambda n: Policy(releases=n), st.integers(0, 5)),
    st.builds(lambda n: Policy(time=timedelta(minutes=n)), st.integers(0, 60)),
)


@given(POLICIES, HISTORIES, st.lists(FINGERPRINTS.map(web), max_size=2))
def test_what_is_wanted_never_stands_by_and_nothing_does_twice(policy, history, wanted):
    chosen = [each.key for each in choose(policy, history, wanted)]
    assert len(set(chosen)) == len(chosen)
    assert not set(chosen) & set(wanted)
    assert set(chosen) <= {key for each in history for key, _ in each.formations}
    if policy.time is None:
        assert len(chosen) <= policy.releases
