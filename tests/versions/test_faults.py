"""Everything is killed with -9 while a rack of real versions is moved over a change of the schema.

Whatever was killed, one healthy version serves soon after the next start, the app has served all the time, and all
that was acknowledged is there. `tests/launcher` does the same at every step, with versions that play their part.
"""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.launched_rack import LaunchedRack, launched
from sternway.launcher.program import DIE_AT
from sternway.launcher.rack import Racks
from sternway.launcher.state import Record, Step
from tests.versions import racks
from tests.versions.conftest import Build
from tests.versions.racks import FIRST, SECOND

RESTART_S = 10.0
"""How long a rack may take to serve again after a start of its launcher…"""
PROGRAM_S = 2.5
"""…where nothing but the start of the program takes no more than this."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory, built: Build) -> Iterator[LaunchedRack]:
    directory = tmp_path_factory.mktemp("rack")
    root = directory / "r"
    with launched(root, [built(FIRST), built(SECOND)], FIRST, **{DIE_AT: str(die_at(root))}) as rack:
        rack.sternway("apps", "create", "hello")
        rack.sternway("deploy", str(racks.ROOT / "examples" / "hello"), "-a", "hello")
        yield rack


def die_at(root: Path) -> Path:
    """Return the file that names the step at which the launcher is to kill itself."""
    return root.with_name("die-at")


@dataclass(frozen=True)
class Fault:
    """What is killed, and at which step of the move. The cause says so afterwards."""

    name: str
    step: Step
    kill: Callable[[LaunchedRack], float]
    cause: str


def power(rack: LaunchedRack) -> float:
    """Launcher and rack end at once; return how long the next launcher took until a version served."""
    assert rack.process
    rack.process.wait(timeout=60)  # it kills itself as it comes to the step, and not a moment later
    if running := Racks(rack.files, ()).find():
        os.kill(running.pid, signal.SIGKILL)
        rack.until(running.has_ended, "the rack to end")
        running.close()
    return restarted(rack)


def migration(rack: LaunchedRack) -> float:
    """The new version ends between two statements of its migration; return how long until the old one served."""
    rack.until(lambda: not racks.die_in_migration(rack).exists(), "the migration to be killed")
    began = time.monotonic()
    rack.until(lambda: rack.serving() == FIRST, "the version before to serve")
    return time.monotonic() - began


def step(rack: LaunchedRack) -> Step | None:
    update = Record(rack.files).load().update
    return update.step if update else None


def is_over(rack: LaunchedRack) -> bool:
    return not rack.files.order.exists() and step(rack) is None


def acknowledged(rack: LaunchedRack, number: int) -> list[str]:
    """Make a release, and return all that there are."""
    rack.sternway("env", "set", f"FAULT={number}", "-a", "hello")
    return rack.releases()


def schema(rack: LaunchedRack) -> str:
    with closing(sqlite3.connect(rack.files.store, timeout=10)) as store:
        return str(store.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def restarted(rack: LaunchedRack) -> float:
    """Start the launcher again, and return how long it took until a version served."""
    began = time.monotonic()
    rack.start(**{DIE_AT: str(die_at(rack.root))})
    return time.monotonic() - began


def bound_s(rack: LaunchedRack) -> float:
    """Return the ten seconds, or more on a machine that takes long for everything just now."""
    began = time.monotonic()
    subprocess.run([rack.files.program(FIRST), "--help"], check=True, capture_output=True, timeout=60)
    return max(RESTART_S, (time.monotonic() - began) * RESTART_S / PROGRAM_S)


FAULTS = [
    Fault("power", Step.TRYING, power, "interrupted while trying"),
    Fault("migration", Step.STARTING, migration, "ended with -9 while it started"),
    Fault("power", Step.WATCHING, power, "interrupted while watching"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.name}-{fault.step}")
def test_whatever_is_killed_one_healthy_version_serves_and_nothing_is_lost(rack: LaunchedRack, fault: Fault):
    known, revision = acknowledged(rack, FAULTS.index(fault)), schema(rack)
    visitor = racks.visitor(rack)
    visitor.start()
    try:
        told = racks.die_in_migration(rack) if fault.kill is migration else die_at(rack.root)
        told.write_text(f"{fault.step} SIGKILL")
        rack.sternway("rack", "update", SECOND)
        took_s = fault.kill(rack)
        rack.until(lambda: is_over(rack) and rack.serving() == FIRST, "the version before to serve")
    finally:
        visitor.stop()
    assert took_s < bound_s(rack)
    assert (visitor.failed, visitor.failures) == (0, [])
    assert (rack.releases(), schema(rack)) == (known, revision)
    (version, status, cause), *_ = rack.history()
    assert (version, status, fault.cause in cause) == (SECOND, "reverted", True), cause
