"""What still works while the engine of a rack does not answer, from the command line to the store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.api.server import PASSWORD, application, serving
from tests.cli.conftest import Ended, Run
from tests.rack import RackUnderTest

Typed = Callable[..., Awaitable[Ended]]


@pytest.fixture
async def typed(running: RackUnderTest, run_alone: Run, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Typed]:
    """Run a command against a rack that serves and whose engine is down, after an app was deployed."""
    await running.app()
    await running.deployed()
    running.world.is_down = True

    async def run(*words: str) -> Ended:
        return await asyncio.to_thread(run_alone, *words)

    async with serving(application(running.rack)) as address:
        monkeypatch.setenv("RACK_URL", f"http://convox:{PASSWORD}@{address}")
        yield run


async def test_the_rack_warns_of_its_engine(typed: Typed):
    ended = await typed("rack")
    assert (ended.code, ended.err) == (0, "WARNING: engine: the memory engine does not answer\n")
    assert "Status    running\n" in ended.out


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("releases", "active"),
        ("env set A=1", "Setting A... OK"),
        ("env", ""),
        ("apps", "shop"),
        ("builds", "complete"),
        ("rack params", "registry"),
        ("registries", "SERVER"),
        ("releases rollback --help", "Usage:"),
    ],
)
async def test_what_needs_no_engine_goes_on_working(typed: Typed, words: str, shown: str):
    ended = await typed(*words.split())
    assert (ended.code, ended.err) == (0, "")
    assert shown in ended.out


async def test_what_runs_is_said_to_be_unknown_and_not_nothing(typed: Typed):
    ended = await typed("ps")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("ERROR: the memory engine does not answer\n")
