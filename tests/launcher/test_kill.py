"""Launcher and versions are killed with -9 at each step of an update and at each moment of a version, and the disk is
filled at each step. Always one healthy version serves within ten seconds, and nothing acknowledged is lost."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sternway.launcher.state import Step
from tests.launcher.rig import NEW, OLD, VERSION, Rig, rig_in

RESTART_S = 10.0
"""Less than the launcher gives a start that hangs: who dies is not waited for."""
DISK_MIB, FILLING = 24, "filling"
BACK = (Step.REVERTING, Step.RESTORED)
RACK_AT = {
    Step.ORDERED: True,
    Step.TRYING: True,
    Step.STOPPING: True,
    Step.SAVED: False,
    Step.STARTING: False,
    Step.WATCHING: True,
    Step.REVERTING: False,
    Step.RESTORED: False,
}
"""Whether a version serves as a step begins. Later in the step another one may be at work: see THERE and AWAY."""
COPIED = ("migrating", "migrated", "downgrading", "downgraded")
THERE = ("migrating", "migrated", "accepting", "serving")
AWAY = ("ending", "downgrading", "downgraded")
"""The moments of a version that is tried, that starts, and that makes way for one with an older schema."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "rack"


@pytest.fixture
def rig(place: Path) -> Iterator[Rig]:
    """A rack that has acknowledged a row."""
    with rig_in(place) as rig:
        rig.version(OLD)
        yield serving(rig, OLD)


@pytest.fixture
def newer(place: Path) -> Iterator[Rig]:
    """One that is at the newer schema."""
    with rig_in(place) as rig:
        rig.version(OLD)
        yield serving(rig, rig.version(NEW, schema=2))


def serving(rig: Rig, version: str) -> Rig:
    rig.activate(version)
    rig.start()
    assert rig.serves(version)
    rig.insert("before")
    return rig


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    """Leave no room on a disk."""
    with contextlib.suppress(OSError), (disk / FILLING).open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(disk).free == 0


def ends_whole(rig: Rig, *acknowledged: str) -> str:
    """See the one healthy version serve in time with all that was acknowledged; return how the update ended."""
    rig.until(lambda: rig.step() is None and not rig.files.order.exists() and rig.ask() in (OLD, NEW), RESTART_S)
    outcome, serving = rig.outcome(), rig.ask()
    assert serving == outcome["target" if outcome["result"] == "completed" else "origin"], outcome
    assert rig.schema() == (2 if serving == NEW else 1)
    assert set(rig.rows()) == {"before", *acknowledged}
    assert rig.racks() == [rig.rack()]
    rig.until(lambda: not rig.files.room.exists())
    return f"{outcome['result']}: {outcome['cause']}"


def halted(rig: Rig, step: Step) -> list[str]:
    """Have the launcher halt at a step of an update that changes the schema; return what was acknowledged there."""
    rig.at(step, signal.SIGSTOP)
    rig.order(rig.version(NEW, schema=2, behaviour="brief" if step in BACK else "healthy"))
    rig.until_it_halts()
    if step is Step.WATCHING:
        rig.insert("watched")
        return ["watched"]
    return []


def kill_rack(rig: Rig) -> None:
    os.kill(rig.rack(), signal.SIGKILL)


def test_no_step_and_no_moment_is_forgotten():
    assert set(RACK_AT) == set(Step)
    assert set(re.findall(r'reach\("(\w+)"\)', VERSION.read_text())) == {*COPIED, *THERE, *AWAY}


@pytest.mark.parametrize("step", Step)
def test_a_launcher_that_is_killed_at_any_step(rig: Rig, step: Step):
    known = halted(rig, step)
    rig.kill()
    rig.start()
    assert ends_whole(rig, *known).startswith(
        "reverted: version" if step in BACK else f"reverted: interrupted while {step}"
    )


@pytest.mark.parametrize("step", [step for step in Step if RACK_AT[step]])
def test_a_version_that_is_killed_at_any_step(rig: Rig, step: Step):
    known = halted(rig, step)
    kill_rack(rig)
    rig.go_on()
    assert ends_whole(rig, *known).startswith("reverted" if step is Step.WATCHING else "completed")


@pytest.mark.parametrize("step", [step for step in Step if RACK_AT[step]])
def test_a_power_loss_at_any_step(rig: Rig, step: Step):
    known = halted(rig, step)
    rig.kill()
    kill_rack(rig)
    rig.start()
    assert ends_whole(rig, *known).startswith("reverted")


def dies(rig: Rig, version: str, victim: str) -> None:
    """Wait until a version has killed what it was told to; a launcher is started again."""
    rig.until(lambda: rig.is_killed_at_moment(version))
    if victim == "launcher":
        assert rig.has_died()
        rig.start()


victims = pytest.mark.parametrize("victim", ["version", "launcher"])


@pytest.mark.parametrize("moment", COPIED)
def test_a_death_while_a_copy_is_tried(rig: Rig, moment: str):
    rig.kill_at(rig.version(NEW, schema=2), f"copy {moment}", "version")
    rig.order(NEW)
    assert ends_whole(rig).startswith("reverted")
    assert rig.is_killed_at_moment(NEW)


@victims
@pytest.mark.parametrize("moment", THERE)
def test_a_death_while_the_new_version_starts(rig: Rig, moment: str, victim: str):
    rig.kill_at(rig.version(NEW, schema=2), moment, victim)
    rig.order(NEW)
    dies(rig, NEW, victim)
    assert ends_whole(rig).startswith("reverted")


@victims
@pytest.mark.parametrize("moment", [moment for moment in AWAY if moment != "ending"])
def test_a_death_on_the_way_back(rig: Rig, moment: str, victim: str):
    """The new version took requests, so it is the one that takes the store down."""
    rig.kill_at(rig.version(NEW, schema=2, behaviour="brief"), moment, victim)
    rig.order(NEW)
    dies(rig, NEW, victim)
    assert ends_whole(rig).startswith("reverted: version")


@victims
@pytest.mark.parametrize("moment", AWAY)
def test_a_death_while_the_old_version_makes_way_for_an_older_one(newer: Rig, moment: str, victim: str):
    newer.kill_at(NEW, moment, victim)
    newer.order(OLD)
    dies(newer, NEW, victim)
    told = ends_whole(newer)
    assert told.startswith("completed" if (moment, victim) == ("ending", "version") else "reverted")


@pytest.mark.parametrize("step", Step)
def test_a_disk_that_is_full_from_any_step_on(small_disk: Path, rig: Rig, step: Step):
    known = halted(rig, step)
    fill(small_disk)
    rig.go_on()
    if step.is_harmless:  # the old version serves as before, and that can be told once there is room again
        assert rig.ask() == OLD
        (small_disk / FILLING).unlink()
    ends_whole(rig, *known)
