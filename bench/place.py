"""Where a measurement takes place: how thorough it is, racks and apps in temporary directories, programs beside it."""

import json
import os
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.rack_process import RackProcess
from sternway.cli import address, client
from sternway.wire import routes, types

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "bench" / "apps"
BIN = Path(sys.executable).parent
DEADLINE_S = 60.0
POLL_S = 0.02
ANSWER_S = 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """`directory` is empty, and gone after the measurement."""

    directory: Path
    is_quick: bool

    def rounds(self, thorough: int, quick: int) -> int:
        """Return how often to measure."""
        return quick if self.is_quick else thorough

    @contextmanager
    def rack(self, name: str = "rack", *, engine: str = "process") -> Iterator["RackInUse"]:
        """Have a rack run inside the block."""
        process = RackProcess(self.directory / name, engine=engine)
        with process.running():
            api = client.Rack(address.parse(process.url), actor="bench")
            try:
                yield RackInUse(process, api)
            finally:
                api.close()


@dataclass(frozen=True, slots=True)
class RackInUse:
    """A rack with its API; commands go through `process`."""

    process: RackProcess
    api: client.Rack

    def deploy(self, app: str, source: Path, *, standby: str = "off") -> str:
        """Deploy a source tree as a new app, and return the release once it is active."""
        self.process.sternway("apps", "create", app)
        self.process.sternway("apps", "params", "set", f"Standby={standby}", "-a", app)
        self.process.sternway("deploy", str(source), "-a", app)
        return self.api.fetch(types.App, routes.app(app)).release

    def set_environment(self, app: str, text: str) -> str:
        """Make a release with this environment, not promoted, and return its id."""
        return self.api.create(types.Release, routes.releases(app), {"env": text}).id

    def roll_back(self, app: str, release: str) -> str:
        """Ask for a rollback and return the id of the copy; what follows, follows."""
        return self.api.create(types.Release, routes.rollback(app, release), {}).id

    def wait_until_at_rest(self, app: str, processes: int, *, standby: int = 0) -> None:
        """Wait until no promotion is open and only so many processes are there, or stand by: the others are gone."""
        expected = {"running": processes, "standby": standby} if standby else {"running": processes}
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            there = self.api.fetch_all(types.Process, routes.processes(app))
            is_running = self.api.fetch(types.App, routes.app(app)).status == "running"
            if is_running and Counter(p.status for p in there) == expected:
                return
            time.sleep(POLL_S)
        raise RuntimeError(f"{app} does not come to rest")


def source(directory: Path, template: Path, replaced: Mapping[str, str]) -> Path:
    """Copy a source tree, with other texts for some of its files."""
    directory.mkdir()
    for file in template.iterdir():
        if file.is_file():
            (directory / file.name).write_text(replaced.get(file.name, file.read_text()))
    return directory


def program(
    module: str, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a module of this package beside us; it prints one line of JSON when it is done."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / f"{module}.py"), *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def options(given: Mapping[str, object]) -> list[str]:
    """Return options as a program of this package takes them."""
    return [f"--{name}={value}" for name, value in given.items()]


def result(running: subprocess.Popen[str], timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """Wait for a program and return what it printed; raises RuntimeError if it failed."""
    try:
        printed, _ = running.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as exc:
        running.kill()
        running.wait()
        raise RuntimeError(f"{running.args!r} takes too long") from exc
    if running.returncode != 0:
        raise RuntimeError(f"{running.args!r} ended with {running.returncode}")
    found: dict[str, Any] = json.loads(printed)
    return found


def bare_environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which no rack is chosen."""
    left_out = ("CONVOX_", "RACK_", "PYTHONDONTWRITEBYTECODE")  # nobody compiles a program at each of its starts
    kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    return kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)} | more


def run_ms(command: list[str], environment: Mapping[str, str], cwd: Path) -> float:
    """Run a command to its end, whatever its exit code, and return how long that took.

    It is waited for by its descriptor: `subprocess` with a time-out looks in growing steps of up to 50 ms.
    """
    quiet = subprocess.DEVNULL
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, cwd=cwd, stdin=quiet, stdout=quiet, stderr=quiet) as running:
        descriptor = os.pidfd_open(running.pid)
        try:
            ended, _, _ = select.select([descriptor], [], [], DEADLINE_S)
            took_ms = (time.perf_counter() - began) * 1000
        finally:
            os.close(descriptor)
        if not ended:
            running.kill()
            raise TimeoutError(f"{command[0]} did not end within {DEADLINE_S:g} s")
    return took_ms
