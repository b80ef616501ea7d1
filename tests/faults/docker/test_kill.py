"""A rack on Docker that is killed with -9 at crossings of each kind, while clients that never retry look at it."""

import random
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest

from scripts.faults import deeds
from scripts.faults.containers import Engine, rack_id
from scripts.faults.deeds import APP, Deed
from scripts.faults.kill import Killer, killing
from sternway.core.crossing import Crossing

SEED = 20261123
RATE = 30
"""Requests a second that the clients send at the least, also where tests share a machine."""

KILLS: Mapping[Deed, tuple[Crossing, ...]] = {
    deeds.build: (Crossing.BUILD_SPEAKING, Crossing.BUILD_MADE),
    deeds.cancel_build: (Crossing.BUILD_CANCELLED,),
    deeds.promote: (Crossing.STARTING, Crossing.STARTED, Crossing.SWITCHED, Crossing.RETIRED),
    deeds.roll_back: (Crossing.PROMOTION_ADDED, Crossing.STARTED, Crossing.SWITCHING, Crossing.RETIRING),
    deeds.promote_what_exits: (Crossing.RECORDED_REVERTING,),
    deeds.promote_what_migrates: (Crossing.COMMAND_LAUNCHED, Crossing.COMMAND_LOGGED),
    deeds.cancel_what_migrates: (Crossing.COMMAND_STOPPED,),
    deeds.scale_up: (Crossing.STARTED,),
    deeds.scale_down: (Crossing.RETIRED,),
}
"""Those between which something of the engine changes; what is only of the ledger is the same on every engine."""


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> Iterator[Killer]:
    directory = tmp_path_factory.mktemp("kill")
    with killing(directory, docker_host) as opened:
        yield opened
    with suppress(FileNotFoundError):
        Engine(docker_host).clear(rack_id(directory / "rack"))


@pytest.fixture(autouse=True)
def settled(killer: Killer) -> None:
    """Begin with a rack that runs and has nothing to do, whatever the test before left."""
    if killer.stage.rig.rack.has_died():
        killer.stage.rig.rack.start()
    killer.stage.rig.settle(APP)


@pytest.mark.parametrize(
    ("deed", "crossing"),
    [
        pytest.param(deed, crossing, id=f"{deed.__name__}-{crossing}")
        for deed, crossings in KILLS.items()
        for crossing in crossings
    ],
)
def test_a_rack_killed_at_a_crossing_comes_back_whole(killer: Killer, deed: Deed, crossing: Crossing) -> None:
    killer.kill_at(deed, crossing)
    assert killer.problems() == []


@pytest.mark.parametrize("number", range(2))
def test_a_rack_killed_in_a_storm_of_rollbacks_comes_back_whole(killer: Killer, number: int) -> None:
    killer.kill_in_storm(random.Random(SEED + number))
    assert killer.problems() == []


def test_nothing_was_lost_and_clients_saw_no_failure_and_no_mixture_throughout(killer: Killer) -> None:
    assert killer.problems(is_thorough=True) == []
    assert killer.crowd.failures == []
    assert killer.crowd.rate > RATE
