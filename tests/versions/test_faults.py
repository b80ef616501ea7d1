"""Launcher and new version are killed with -9 while a rack of real versions is moved over a change of the schema.

Whatever was killed, one healthy version serves soon after the next start, the app has served all the time, and all
that was acknowledged is there. `tests/launcher` does the same at every step, with versions that play their part.
"""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.launched_rack import LaunchedRack, launched
from sternway.launcher import files
from sternway.launcher.program import DIE_AT
from sternway.launcher.state import Record, Step
from tests.versions import racks
from tests.versions.conftest import Build
from tests.versions.racks import FIRST, SECOND

RESTART_S = 10.0
"""How long a rack may take to serve again after a start of its launcher."""

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
    """What is killed, once the move has come to a step."""

    step: Step
    kill: Callable[[LaunchedRack], None]


def launcher(rack: LaunchedRack) -> None:
    assert rack.process
    rack.process.wait(timeout=60)  # it kills itself as it comes to the step, and not a moment later


def new_version(rack: LaunchedRack) -> None:
    os.kill(started(rack), signal.SIGKILL)


def started(rack: LaunchedRack) -> int:
    """Return the process of the new version, as soon as there is one."""

    def found() -> int:
        told = files.read(rack.files.started) or {}
        return int(told["pid"]) if told.get("version") == SECOND else 0

    return int(rack.until(found, "the new version to be started"))


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


FAULTS = [
    Fault(Step.TRYING, launcher),
    Fault(Step.SAVED, launcher),
    Fault(Step.STARTING, launcher),
    Fault(Step.STARTING, new_version),
    Fault(Step.WATCHING, launcher),
    Fault(Step.WATCHING, new_version),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kill.__name__}-{fault.step}")
def test_whatever_is_killed_one_healthy_version_serves_and_nothing_is_lost(rack: LaunchedRack, fault: Fault):
    known, revision = acknowledged(rack, FAULTS.index(fault)), schema(rack)
    visitor = racks.visitor(rack)
    visitor.start()
    try:
        if fault.kill is launcher:
            die_at(rack.root).write_text(fault.step)
        rack.files.started.unlink(missing_ok=True)
        rack.sternway("rack", "update", SECOND)
        if fault.kill is new_version:
            rack.until(lambda: step(rack) is fault.step, f"the move to be {fault.step}")
        fault.kill(rack)
        took_s = restarted(rack) if fault.kill is launcher else 0.0
        rack.until(lambda: is_over(rack) and rack.serving() == FIRST, "the version before to serve")
    finally:
        visitor.stop()
    assert took_s < RESTART_S
    assert (visitor.failed, visitor.failures) == (0, [])
    assert (rack.releases(), schema(rack)) == (known, revision)
    (version, status, _), *_ = rack.history()
    assert (version, status) == (SECOND, "reverted")
