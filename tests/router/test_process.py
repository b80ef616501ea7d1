import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.errors import RouterUnavailable
from sternway.router.caddy import process


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("run", "log", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "front.json").write_text('{"admin": {"disabled": true}}')
    return tmp_path


async def test_a_process_is_found_again_until_it_ended(home: Path) -> None:
    running = process.start(home, "front", process.installed())
    assert process.find(home, "front") == running
    os.kill(running.pid, signal.SIGKILL)
    await process.ended(running)
    assert process.find(home, "front") is None


async def test_another_process_with_the_same_pid_is_not_it(home: Path) -> None:
    running = process.start(home, "front", process.installed())
    assert not process.is_alive(replace(running, started=running.started - 1))
    assert not process.is_alive(replace(running, boot="another"))
    await process.stop(running, 5)
    assert not process.is_alive(running)


async def test_it_leads_a_session_away_from_ours(home: Path) -> None:
    running = process.start(home, "front", process.installed())
    assert os.getsid(running.pid) != os.getsid(0)
    await process.stop(running, 5)


def test_without_a_note_there_is_nothing_to_find(home: Path) -> None:
    assert process.find(home, "front") is None
    (home / "run" / "front.pid").write_text("{")
    assert process.find(home, "front") is None


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RouterUnavailable, match="cannot start"):
        process.start(tmp_path / "none", "front", process.installed())
