import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sternway.cli import main
from tests.cli.scripted import ScriptedRack, serving


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def rack() -> Iterator[ScriptedRack]:
    with serving(ScriptedRack()) as scripted:
        yield scripted


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory called `shop`, and nothing set that would choose a rack."""
    for name in os.environ:
        if name.startswith(("RACK_", "CONVOX_", "STERNWAY_")) or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    directory = tmp_path / "shop"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def run_alone(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command where no rack is chosen."""

    def run(*args: str) -> Ended:
        code = main.run(args)
        captured = capfdbinary.readouterr()
        return Ended(code, captured.out.decode(errors="surrogateescape"), captured.err.decode())

    return run


@pytest.fixture
def run(rack: ScriptedRack, run_alone: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command against the scripted rack."""
    monkeypatch.setenv("RACK_URL", rack.url)
    return run_alone
