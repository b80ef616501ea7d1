import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.formation import Route, RouteOptions
from sternway.router.caddy import slots
from tests.router.rigs import at, route

MEMBERS = tuple(at(f"10.0.0.1:{port}") for port in (1, 2, 3))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def addresses(home: Path, host: str) -> list[str]:
    return [(home / "current" / "host" / host / str(number)).read_text() for number in range(slots.COUNT)]


def test_members_stand_in_the_slots_in_turn(home: Path) -> None:
    slots.Revisions().show(home, (route("web", "x.localhost", *MEMBERS),))
    assert addresses(home, "x.localhost") == [member.endpoint for member in MEMBERS] * (slots.COUNT // 3)


def test_every_host_of_a_service_has_its_slots(home: Path) -> None:
    slots.Revisions().show(home, (Route("web", ("x.localhost", "Y.localhost"), MEMBERS),))
    assert addresses(home, "x.localhost") == addresses(home, "y.localhost")


def test_a_route_without_members_has_a_gap_that_can_be_closed(home: Path) -> None:
    routes = (route("web", "x.localhost"),)
    slots.Revisions().show(home, routes)
    assert set(addresses(home, "x.localhost")) == {"unix/run/gap.sock"}
    slots.Revisions().show(home, routes, is_closed=True)
    assert set(addresses(home, "x.localhost")) == {"unix/run/closed.sock"}


def test_the_revision_before_stays_for_requests_on_their_way(home: Path) -> None:
    for member in MEMBERS:
        slots.Revisions().show(home, (route("web", "x.localhost", member),))
    assert sorted(entry.name for entry in home.glob("rev-*")) == ["rev-2", "rev-3"]


def test_a_way_back_finds_its_revision_as_it_was(home: Path) -> None:
    revisions, (first, second) = slots.Revisions(), (route("web", "x.localhost", member) for member in MEMBERS[:2])
    for wanted in (first, second):
        revisions.show(home, (wanted,))
    made = (home / "rev-1").stat().st_ctime_ns
    for wanted, endpoint in ((first, MEMBERS[0].endpoint), (second, MEMBERS[1].endpoint)):
        revisions.show(home, (wanted,))
        assert set(addresses(home, "x.localhost")) == {endpoint}
    assert sorted(entry.name for entry in home.glob("rev-*")) == ["rev-1", "rev-2"]
    assert (home / "rev-1").stat().st_ctime_ns == made


def test_a_revision_that_others_left_is_made_anew(home: Path) -> None:
    wanted = (route("web", "x.localhost", *MEMBERS),)
    revisions = slots.Revisions()
    revisions.show(home, wanted)
    (home / "current" / "service" / "web" / "0").write_text("")
    revisions.forget()
    revisions.show(home, wanted)
    assert slots.holds(home, wanted)


def test_an_app_made_again_by_the_same_name_gets_revisions_of_its_own(home: Path) -> None:
    revisions, wanted = slots.Revisions(), (route("web", "x.localhost", *MEMBERS),)
    for _ in range(2):
        (home / "x").mkdir()
        revisions.show(home / "x", wanted)
        assert slots.holds(home / "x", wanted)
        shutil.rmtree(home / "x")


def test_what_a_crash_left_behind_does_not_stand_in_the_way(home: Path) -> None:
    (home / "rev-9").mkdir()
    (home / "current.new").symlink_to("rev-9")
    slots.Revisions().show(home, (route("web", "x.localhost", *MEMBERS),))
    assert addresses(home, "x.localhost")[0] == MEMBERS[0].endpoint
    assert [entry.name for entry in home.glob("rev-*")] == ["rev-10"]


def test_slots_hold_routes_only_when_all_are_there_and_right(home: Path) -> None:
    routes = (route("web", "x.localhost", *MEMBERS),)
    assert not slots.holds(home, routes)
    slots.Revisions().show(home, routes)
    assert slots.holds(home, routes)
    assert not slots.holds(home, (route("web", "x.localhost", MEMBERS[0]),))
    assert not slots.holds(home, (*routes, route("api", "y.localhost")))
    (home / "current" / "host" / "x.localhost" / "7").unlink()
    assert not slots.holds(home, routes)


@given(st.lists(st.integers(1, 40), min_size=1), st.lists(st.integers(1, 40)))
def test_members_are_spread_evenly_and_keep_their_slots(now: list[int], earlier: list[int]) -> None:
    before = slots.spread([str(number) for number in earlier]) if earlier else ()
    spread = slots.spread([str(number) for number in now], before)
    counts = Counter(spread).values()
    assert (len(spread), len(counts)) == (slots.COUNT, min(slots.COUNT, len(set(now))))
    assert max(counts) - min(counts) <= 1
    assert slots.spread([str(number) for number in now], spread) == spread


def test_a_further_member_takes_its_share_of_a_sticky_service_and_no_more(home: Path) -> None:
    for count in (2, 3):
        before = addresses(home, "x.localhost") if count == 3 else []
        slots.Revisions().show(
            home, (route("web", "x.localhost", *MEMBERS[:count], options=RouteOptions(is_sticky=True)),)
        )
    moved = [new for old, new in zip(before, addresses(home, "x.localhost"), strict=True) if old != new]
    assert moved == [MEMBERS[2].endpoint] * (slots.COUNT // 3)
