"""Versions that the tests of this directory share: each is built once, whichever worker is the first to need it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.versions import racks

Build = Callable[[str], Path]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return what builds the rack's artifact of a version, unless that is done already."""
    own = tmp_path_factory.getbasetemp()
    out = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "versions"
    out.mkdir(exist_ok=True)

    def build(version: str) -> Path:
        # One at a time: what they depend on is prepared by the first of them.
        with (out / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = out / f"{version}.done"
            if not done.exists():
                done.write_text(str(racks.build(version, out)))
            return Path(done.read_text())

    return build
