"""Builds that hang in a package manager, on a real rack: cancelled, and interrupted by kill -9."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.rack_process import BIN, RackProcess

APP = "hanging"
PATIENCE_S = 30.0

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def silence() -> Iterator[str]:
    """An index of packages that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


@pytest.fixture
def source(tmp_path: Path, silence: str) -> Path:
    """A folder whose build does not end."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "convox.yml").write_text("services:\n  web:\n    command: sleep 60\n")
    (folder / "requirements.txt").write_text(f"--index-url {silence}\ntiny==1\n")
    return folder


def until(is_reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_reached():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.05)


def processes_below(data: Path) -> list[str]:
    """Return the command lines of package managers at work in this rack."""
    found = subprocess.run(["ps", "-eww", "-o", "args"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [line for line in found if f"{data}/engine/dependencies" in line]


def leftovers(data: Path) -> list[Path]:
    return [path for name in ("building", "dependencies") for path in (data / "engine" / name).glob("*")]


def deploying(rack: RackProcess, source: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(BIN / "sternway"), "deploy", str(source), "-a", APP],
        env=rack._environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def builds(rack: RackProcess) -> list[dict[str, str]]:
    return list(json.loads(rack.sternway("builds", "-a", APP, "--json")))


def test_hanging_build_can_be_cancelled_and_dies_with_the_rack(tmp_path: Path, source: Path) -> None:
    with RackProcess(tmp_path / "rack").running() as rack:
        rack.sternway("apps", "create", APP)
        first = deploying(rack, source)
        until(lambda: any("pip" in line for line in processes_below(rack.data)))
        rack.sternway("builds", "cancel", builds(rack)[0]["id"], "-a", APP, "--reason", "enough")
        _, said = first.communicate(timeout=PATIENCE_S)
        assert first.returncode == 1
        assert b"cancelled by " in said
        until(lambda: not processes_below(rack.data) and not leftovers(rack.data))

        second = deploying(rack, source)
        try:
            until(lambda: any("pip" in line for line in processes_below(rack.data)))
            rack.kill()
            until(lambda: not processes_below(rack.data))
            assert leftovers(rack.data)
            rack.start()
            assert leftovers(rack.data) == []
            until(lambda: [build["status"] for build in builds(rack)] == ["failed", "failed"])
            assert builds(rack)[0]["reason"] == "the rack was stopped while the build ran"
        finally:
            second.kill()
            second.communicate(timeout=PATIENCE_S)
