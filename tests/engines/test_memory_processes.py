"""The memory engine's single processes keep to the contract where tests of other parts lean on it."""

import asyncio

import pytest

from sternway.core.errors import EngineUnavailable, StaleEpoch
from sternway.ports import Execution


async def test_writing_to_a_program_that_has_ended_does_nothing(running):
    await running.app()
    await running.deployed()
    web = (await running.engine.observe("shop"))[0].processes[0].id
    async with asyncio.timeout(5), running.processes.execute("shop", web, Execution(("exit", "4"))) as session:
        assert await session.exit_code() == 4
        for _ in range(20):
            await session.write(b"more")
        await session.end_input()
        await session.end_input()
        assert [chunk async for chunk in session.output()] == []


async def test_engine_that_is_down_says_so(running):
    running.world.is_down = True
    with pytest.raises(EngineUnavailable):
        await running.processes.one_offs("shop")


async def test_stale_writers_stop_nothing(running):
    running.world.epoch = 9
    with pytest.raises(StaleEpoch):
        await running.processes.stop("shop", "x", epoch=8)
