"""A rack that is killed with -9 at every crossing, while clients that never retry look at what it serves."""

import random

import pytest

from scripts.faults.deeds import APP, KILLS
from scripts.faults.kill import RANDOM_KILLS, killing
from sternway.core.crossing import Crossing

SEED = 20261122
RATE = 50
"""Requests a second that the clients send at the least, also where tests share a machine."""


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    with killing(tmp_path_factory.mktemp("kill")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def settled(request):
    """Begin with a rack that runs and has nothing to do, whatever the test before left."""
    if "killer" in request.fixturenames:
        killer = request.getfixturevalue("killer")
        if killer.stage.rig.rack.has_died():
            killer.stage.rig.rack.start()
        killer.stage.rig.settle(APP)


def test_every_crossing_is_one_at_which_a_rack_is_killed():
    assert {crossing for crossings in KILLS.values() for crossing in crossings} == set(Crossing)


@pytest.mark.parametrize(
    ("deed", "crossing"),
    [
        pytest.param(deed, crossing, id=f"{deed.__name__}-{crossing}")
        for deed, crossings in KILLS.items()
        for crossing in crossings
    ],
)
def test_a_rack_killed_at_a_crossing_comes_back_whole(killer, deed, crossing):
    killer.kill_at(deed, crossing)
    assert killer.problems() == []


@pytest.mark.parametrize("number", range(RANDOM_KILLS))
def test_a_rack_killed_at_a_random_moment_of_a_storm_of_rollbacks_comes_back_whole(killer, number):
    killer.kill_in_storm(random.Random(SEED + number))
    assert killer.problems() == []


def test_nothing_was_lost_and_clients_saw_no_failure_and_no_mixture_throughout(killer):
    assert killer.problems(is_thorough=True) == []
    assert killer.crowd.failures == []
    assert killer.crowd.rate > RATE
