"""Take down what a rack left running, by a program of that rack: this one may be a file that has none beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sternway.cli import errors
from sternway.home import Home
from sternway.launcher.files import Files
from sternway.launcher.state import Record

TIMEOUT_S = 300.0
PROGRAM = "sternwayd"


def dismantle(data: Path) -> None:
    """Take down the apps and the router of a rack that does not run; raises CommandFailed."""
    try:
        done = subprocess.run(
            [_program(data), "--data", data, "--dismantle"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise errors.CommandFailed(f"cannot take down what {data} left running: {exc}") from exc
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise errors.CommandFailed(f"sternwayd --dismantle failed: {lines[-1] if lines else done.returncode}")


def _program(data: Path) -> Path:
    """Return the program that is to do it: the version that is active, else what ran last, else the one beside this."""
    for path in _candidates(data):
        if os.access(path, os.X_OK):
            return path
    raise errors.CommandFailed(
        f"{data} does not say which sternwayd it was run by, or that is gone",
        hint=f"run it by hand: sternwayd --data {data} --dismantle",
    )


def _candidates(data: Path) -> Iterator[Path]:
    # What a directory names is run only for its owner: nobody else is to run what somebody wrote there.
    if data.stat().st_uid == os.geteuid():
        yield from _named(data)
    yield Path(sys.executable).parent / PROGRAM


def _named(data: Path) -> Iterator[Path]:
    files = Files(data)
    if files.state.exists() or files.state_copy.exists():
        try:
            yield files.program(Record(files).load().active)
        except ValueError as exc:
            raise errors.CommandFailed(f"cannot tell which version is active: {exc}") from exc
    try:
        yield Path(Home(data).program.read_text().strip())
    except FileNotFoundError:
        return
    except OSError as exc:
        raise errors.CommandFailed(f"cannot read {Home(data).program}") from exc
