"""Processes that run once, as the files that they leave tell of them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sternway.core.errors import Conflict
from sternway.core.formation import Health
from sternway.engines.process import one_offs, slots
from sternway.engines.process.logs import ProcessLogs
from sternway.ports import LogQuery
from tests.engines.bench import APP, FOREVER, WallClock, formation
from tests.engines.process.observing import all_pids, is_alive
from tests.engines.single_bench import SingleProcessBench, has_ended, one_offs_until, run


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[SingleProcessBench]:
    bench = SingleProcessBench(tmp_path / "data")
    yield bench
    await bench.clear()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def slot(number: int, *, is_once: bool) -> slots.Slot:
    wanted = formation()
    return slots.Slot(
        id=f"{number:010x}",
        key=wanted.key,
        number=0,
        release_id=wanted.release_id,
        command="",
        health=wanted.health,
        grace_s=1.0,
        created_at=WallClock().now(),
        is_once=is_once,
    )


async def test_what_a_process_that_runs_once_prints_is_in_the_logs(bench: SingleProcessBench, data: Path):
    engine, processes = await bench.start()
    launched = await processes.launch(bench.formation("echo so it says"), epoch=1)
    await one_offs_until(engine, processes, lambda seen: has_ended(seen[0]))
    query = LogQuery(process=launched.state.id, follow=False)
    lines = [line async for line in ProcessLogs(data, clock=WallClock()).read(APP, query)]
    assert [(line.source, line.text) for line in lines] == [(f"service/worker/{launched.state.id}", b"so it says")]


async def test_a_web_process_that_runs_once_has_a_port_of_its_own_and_no_endpoint(bench: SingleProcessBench):
    engine, processes = await bench.start()
    await engine.ensure(bench.answering(), 1, epoch=1)
    launched = await processes.launch(bench.answering(), epoch=1)
    await one_offs_until(engine, processes, lambda seen: seen[0].state.health is Health.HEALTHY)
    (web,) = (await engine.observe(APP))[0].processes
    (port,) = (await run(processes, launched.state.id, "sh", "-c", "echo $PORT")).printed.split()
    assert web.endpoint not in (None, f"127.0.0.1:{port.decode()}")


async def test_one_that_was_killed_with_its_supervisor_has_failed(bench: SingleProcessBench):
    engine, processes = await bench.start()
    launched = await processes.launch(bench.formation(FOREVER), epoch=1)
    await one_offs_until(engine, processes, lambda seen: seen[0].state.health is Health.HEALTHY)
    said = engine.of_app(APP)[0].report
    assert said is not None
    os.kill(said.supervisor_pid, signal.SIGKILL)
    (lost,) = await one_offs_until(engine, processes, lambda seen: seen[0].state.health is Health.FAILED)
    assert (lost.state.id, lost.exit_code, lost.state.detail) == (launched.state.id, None, "it was killed")
    assert said.pid not in all_pids() or not is_alive(said.pid)


async def test_an_app_is_forgotten_once_what_runs_of_it_once_was_stopped(bench: SingleProcessBench, data: Path):
    engine, processes = await bench.start()
    await processes.launch(bench.formation(FOREVER), epoch=1)
    with pytest.raises(Conflict):
        await engine.forget(APP, epoch=1)
    await one_offs_until(engine, processes, lambda seen: not seen)
    await engine.forget(APP, epoch=1)
    assert not (data / "processes" / APP).exists()


async def test_a_command_that_ends_by_a_signal_is_told_as_a_shell_does(bench: SingleProcessBench):
    engine, processes = await bench.start()
    await processes.launch(bench.formation("kill -9 $$"), epoch=1)
    (ended,) = await one_offs_until(engine, processes, lambda seen: has_ended(seen[0]))
    assert (ended.exit_code, ended.state.health) == (137, Health.FAILED)


async def test_what_ended_is_shown_for_an_hour(bench: SingleProcessBench, data: Path):
    engine, processes = await bench.start()
    await processes.launch(bench.formation("exit 0"), epoch=1)
    await one_offs_until(engine, processes, lambda seen: has_ended(seen[0]))
    kept, now = slots.Slots(data / "processes"), WallClock().now()
    for later, count in ((timedelta(minutes=59), 1), (timedelta(minutes=61), 0)):
        assert len(await asyncio.to_thread(one_offs.ended, kept, APP, now + later)) == count


def test_processes_that_run_once_push_no_others_out(tmp_path: Path):
    kept = slots.Slots(tmp_path)
    for number in range(slots.ENDED_KEPT + 5):
        for is_once in (True, False):
            each = slot(2 * number + is_once, is_once=is_once)
            kept.create(each)
            kept.end(each)
    left = [each.is_once for each, _ in kept.of_app(APP)]
    assert (left.count(True), left.count(False)) == (slots.ENDED_KEPT, slots.ENDED_KEPT)


def test_the_record_of_any_other_process_is_one_that_an_earlier_rack_can_read(tmp_path: Path):
    kept = slots.Slots(tmp_path)
    for is_once in (True, False):
        each = slot(int(is_once), is_once=is_once)
        directory = kept.create(each)
        assert slots.read(directory) == each
        assert (b"is_once" in (directory / slots.SLOT).read_bytes()) is is_once
    assert slots.read(kept.directory(replace(each, id="nothing"))) is None
