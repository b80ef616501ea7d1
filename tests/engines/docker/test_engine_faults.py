"""What becomes of processes when their engine goes away, in the worst moments, and comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from sternway.core.errors import EngineUnavailable
from sternway.core.formation import Formation, Health, HealthCheck
from sternway.engines import health
from sternway.ports import Engine
from tests.engines.bench import APP, DockerBench, Seen, healthy, ids, processes, until
from tests.engines.conftest import IMAGE, unless_on_ci
from tests.engines.docker.daemon import DockerDaemon, obstacle, started

T = TypeVar("T")
pytestmark = pytest.mark.asyncio(loop_scope="module")

RACK = "facade0facade"[:12]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(docker_host: str) -> AsyncIterator[DockerDaemon]:
    if problem := obstacle():
        unless_on_ci(problem)
    async with started() as daemon:
        await daemon.take_image(IMAGE, docker_host)
        yield daemon


@pytest_asyncio.fixture(loop_scope="module")
async def bench(daemon: DockerDaemon, busybox: str, tmp_path: Path) -> AsyncIterator[DockerBench]:
    bench = DockerBench(daemon.address, tmp_path, busybox, RACK)
    yield bench
    if not daemon.pid:
        await daemon.start()
    await bench.clear()


def web(bench: DockerBench) -> Formation:
    check = HealthCheck(path="/sh", interval_s=0.2)
    command = "httpd -f -p 3000 -h /bin"
    return replace(bench.formation(service="web"), port=3000, command=command, health=check, grace_s=1.0)


async def answering(bench: DockerBench, engine: Engine, count: int) -> None:
    """Wait until so many processes are healthy, each where it says that it is."""
    for process in await available(healthy, engine, web(bench), count):
        assert process.endpoint
        assert await health.ask(process.endpoint, web(bench).health) == ""


async def available(doing: Callable[..., Awaitable[T]], *args: object) -> T:
    """Do something again whenever the engine is not there for it."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await doing(*args)
            except EngineUnavailable:
                await asyncio.sleep(0.05)


async def test_an_engine_that_is_down_at_the_start_is_no_empty_answer(bench: DockerBench, daemon: DockerDaemon):
    engine = await bench.start()
    await engine.ensure(web(bench), 1, epoch=1)
    await healthy(engine, web(bench))
    before = ids(await engine.observe(APP), web(bench))
    await bench.leave()
    await daemon.kill()
    engine, told = await bench.start(), set[str]()
    engine.subscribe(told.add)
    with pytest.raises(EngineUnavailable):
        await engine.observe(APP)
    with pytest.raises(EngineUnavailable):
        await engine.ensure(web(bench), 2, epoch=1)
    assert "does not answer" in engine.problem
    await daemon.start()
    await answering(bench, engine, 1)
    assert (ids(await engine.observe(APP), web(bench)), told, engine.problem) == (before, {APP}, "")


async def test_an_engine_that_is_restarted_brings_its_processes_back(bench: DockerBench, daemon: DockerDaemon):
    engine = await bench.start()
    await engine.ensure(web(bench), 2, epoch=1)
    await healthy(engine, web(bench), 2)
    before = ids(await engine.observe(APP), web(bench))
    await daemon.restart()
    await answering(bench, engine, 2)
    assert ids(await engine.observe(APP), web(bench)) == before


@pytest.mark.parametrize("is_killed", [False, True], ids=["in good order", "killed"])
async def test_an_engine_that_restarts_while_processes_start_ends_well(
    bench: DockerBench, daemon: DockerDaemon, is_killed: bool
):
    engine = await bench.start()
    starting = asyncio.create_task(available(ensure, engine, bench))
    await until(engine, lambda seen: len(processes(seen, web(bench))) == 3)
    await (daemon.kill() if is_killed else daemon.stop())
    await daemon.start()
    await starting
    await answering(bench, engine, 3)


async def ensure(engine: Engine, bench: DockerBench) -> None:
    await engine.ensure(web(bench), 3, epoch=1)


async def test_what_was_stopping_is_gone_once_the_engine_is_back(bench: DockerBench, daemon: DockerDaemon):
    engine = await bench.start()
    wanted = replace(bench.slow_to_stop(bench.formation()), grace_s=3.0)
    await engine.ensure(wanted, 1, epoch=1)
    await healthy(engine, wanted)
    await engine.retire(wanted.key, keep=0, epoch=1)
    await daemon.restart()
    await available(gone, engine)


@pytest.mark.parametrize("is_killed", [False, True], ids=["in good order", "killed"])
async def test_what_was_frozen_does_not_run_again_with_its_engine(
    bench: DockerBench, daemon: DockerDaemon, is_killed: bool
):
    engine, wanted, other = await bench.start(), bench.formation(), bench.formation("other")
    for each in (wanted, other):
        await engine.ensure(each, 1, epoch=1)
        await healthy(engine, each)
    await engine.freeze(wanted.key, epoch=1)
    await (daemon.kill() if is_killed else daemon.stop())
    await daemon.start()
    await back(engine, other)
    # An engine that ends in good order lets it run for its end, and so it may be on its way out for a while.
    assert healths(await engine.observe(APP), wanted) <= {Health.FROZEN, Health.STOPPING}
    await available(until, engine, lambda seen: healths(seen, wanted) <= {Health.FROZEN})
    await available(ensure_one, engine, wanted)
    await available(healthy, engine, wanted)


async def back(engine: Engine, wanted: Formation) -> None:
    """Wait until it runs again, and have it made anew as a rack does: dockerd cannot always start what it stopped."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(EngineUnavailable):
                await engine.ensure(wanted, 1, epoch=1)
                if healths(await engine.observe(APP), wanted) == {Health.HEALTHY}:
                    return
            await asyncio.sleep(0.05)


def healths(seen: Seen, wanted: Formation) -> set[Health]:
    return {process.health for process in processes(seen, wanted)}


async def ensure_one(engine: Engine, wanted: Formation) -> None:
    await engine.ensure(wanted, 1, epoch=1)


async def gone(engine: Engine) -> None:
    await until(engine, lambda seen: seen == ())
