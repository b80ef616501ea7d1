"""What the memory engine has beyond the contract: a world that can be told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sternway.core.errors import ArtifactGone, BuildFailed, EngineUnavailable
from sternway.core.formation import Health, ProcessState
from sternway.core.release import BuildOptions
from sternway.engines.memory import MemoryBuilder, MemoryEngine
from sternway.ports import Builder, BuildOrder
from tests.engines.bench import APP, WallClock, formation, processes


@pytest.fixture
async def engine() -> AsyncIterator[MemoryEngine]:
    engine = MemoryEngine(WallClock())
    async with engine.run():
        yield engine


async def only(engine: MemoryEngine) -> ProcessState:
    (process,) = processes(await engine.observe(APP), formation())
    return process


async def test_held_processes_start_until_they_are_released(engine: MemoryEngine):
    engine.world.hold("one")
    await engine.ensure(formation(), 1, epoch=1)
    assert (await only(engine)).health is Health.STARTING
    engine.world.release("one")
    assert (await only(engine)).health is Health.HEALTHY


async def test_running_processes_can_fail_and_sicken(engine: MemoryEngine):
    await engine.ensure(formation(), 1, epoch=1)
    engine.world.sicken("one")
    assert (await only(engine)).health is Health.UNHEALTHY
    engine.world.exit("one", "ended by SIGSEGV")
    process = await only(engine)
    assert (process.health, process.exits, process.detail) == (Health.FAILED, 1, "ended by SIGSEGV")
    engine.world.release("one")
    assert (await only(engine)).health is Health.HEALTHY


async def test_an_engine_that_is_down_answers_nothing_and_forgets_nothing(engine: MemoryEngine):
    await engine.ensure(formation(), 1, epoch=1)
    engine.world.is_down = True
    with pytest.raises(EngineUnavailable):
        await engine.observe(APP)
    engine.world.is_down = False
    assert (await only(engine)).health is Health.HEALTHY


async def test_every_start_is_on_record(engine: MemoryEngine):
    await engine.ensure(formation(), 2, epoch=1)
    await engine.retire(formation().key, keep=0, epoch=1)
    assert [process.slot for process in engine.world.starts] == [0, 1]


async def test_a_builder_gives_what_it_was_told(tmp_path: Path):
    told = MemoryBuilder("services: {}\n", ("web",))
    builder: Builder = told
    order = BuildOrder(APP, "BAAAAAAAAAA", "RAAAAAAAAAA", tmp_path, BuildOptions("key"))
    result = await builder.build(order, lambda line: None)
    assert result.artifacts == {"web": "memory:BAAAAAAAAAA:web"}
    await builder.verify("shop", result.artifacts["web"])
    told.gone.add(result.artifacts["web"])
    with pytest.raises(ArtifactGone):
        await builder.verify("shop", result.artifacts["web"])
    told.failure = "no"
    with pytest.raises(BuildFailed):
        await builder.build(order, lambda line: None)
