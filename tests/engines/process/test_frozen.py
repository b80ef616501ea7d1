"""Frozen processes of this machine: that nothing of them runs, however they are kept apart, and what ends them."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.errors import Refused
from sternway.core.formation import Formation, Health, HealthCheck, Limits
from sternway.engines.process.engine import ProcessEngine
from sternway.engines.process.isolation import Wanted
from sternway.engines.process.single import SingleProcesses
from sternway.ports import Execution
from sternway.supervisor import child, order
from tests.engines.bench import (
    APP,
    EVERYTHING,
    ProcessBench,
    WallClock,
    formation,
    healthy,
    innermost,
    processes,
    until,
)
from tests.engines.process.observing import all_pids, command_line, is_alive, left_by
from tests.engines.process.test_engine import gone
from tests.engines.process.test_isolation import remaining
from tests.engines.process.ways import BOTH, GROUPS, NOTHING, SANDBOX, USERS, Start, lent, only, ways

NUMBER = "76543.5"
FAMILY = f"setsid sh -c 'sleep {NUMBER} & wait' & (sleep {NUMBER} &) ; sleep {NUMBER} & wait"
"""One in a session of its own, one whose parent is gone, and one child."""


def family(bounded: bool = False) -> Formation:
    return replace(formation(), command=FAMILY, limits=Limits(memory_mib=64) if bounded else Limits(), grace_s=2.0)


async def running(bench: ProcessBench, wanted: Formation) -> ProcessEngine:
    engine = await bench.start()
    await engine.ensure(wanted, 1, epoch=1)
    await healthy(engine, wanted)
    return engine


async def frozen(bench: ProcessBench, wanted: Formation) -> ProcessEngine:
    engine = await running(bench, wanted)
    await engine.freeze(wanted.key, epoch=1)
    return engine


def below(pid: int) -> Iterator[int]:
    for each in child.children(pid):
        yield each
        yield from below(each)


def sleepers() -> list[int]:
    return [pid for pid in all_pids() if command_line(pid) == f"sleep\0{NUMBER}\0".encode()]


async def asleep(count: int) -> list[int]:
    """Wait until so many are there."""
    async with asyncio.timeout(10):
        while True:
            if len(found := sleepers()) == count:
                return found
            await asyncio.sleep(0.01)


def stand_still(supervisor: int) -> bool:
    """Tell whether nothing below a supervisor can run: by a signal, or by a control group of either version."""
    return all(_stands_still(pid) for pid in below(supervisor))


def _stands_still(pid: int) -> bool:
    if set(child.states(pid)) <= set(b"TDZ"):
        return True
    groups = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    places = [Path(f"/sys/fs/cgroup/{kind}{path}") for _, kind, path in groups]
    return any(is_switched_off(place) for place in places)


def is_switched_off(group: Path) -> bool:
    old, new = group / "freezer.state", group / "cgroup.events"
    says = old.read_text() if old.exists() else new.read_text() if new.exists() else ""
    return "FROZEN" in says or "frozen 1" in says


@ways(NOTHING, USERS, SANDBOX, BOTH, GROUPS, EVERYTHING)
async def test_nothing_that_a_frozen_process_started_runs_until_it_is_thawed(start: Start, wanted: Wanted):
    bench, content = await start(wanted), family(bounded=wanted.groups)
    engine = await running(bench, content)
    there = await asleep(3)
    await engine.freeze(content.key, epoch=1)
    left = left_by(bench, content)
    assert (left.phase, stand_still(left.supervisor_pid)) == ("frozen", True)
    await engine.ensure(content, 1, epoch=1)
    await healthy(engine, content)
    assert not any(_stands_still(pid) for pid in there)


@ways(NOTHING, SANDBOX, GROUPS, EVERYTHING)
async def test_a_frozen_process_that_is_stopped_may_finish_within_its_grace(start: Start, wanted: Wanted):
    bench = await start(wanted)
    last_words = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    content = replace(family(bounded=wanted.groups), command=last_words, grace_s=10.0)
    engine = await frozen(bench, content)
    await engine.retire(content.key, keep=0, epoch=1)
    await until(engine, lambda seen: seen == ())
    (log,) = (bench.data / "processes").glob("*/*/log/00000001")
    assert log.read_text().split()[-1] == "bye"


@ways(NOTHING, SANDBOX, GROUPS, EVERYTHING)
async def test_nothing_is_left_of_a_frozen_process_whose_supervisor_was_killed(start: Start, wanted: Wanted):
    bench = await start(wanted)
    content = replace(family(bounded=wanted.groups), command=f"sleep {NUMBER} & sleep {NUMBER} & wait")
    engine = await frozen(bench, content)
    left = left_by(bench, content)
    os.kill(left.supervisor_pid, signal.SIGKILL)
    await until(engine, lambda seen: seen == ())
    await gone(left.pid)
    for pid in sleepers():
        await gone(pid)
    assert remaining(left.groups) == []


async def test_a_frozen_process_that_is_killed_is_gone_and_not_started_again(process_bench: ProcessBench):
    engine = await frozen(process_bench, family())
    os.kill(left_by(process_bench, family()).pid, signal.SIGKILL)
    await until(engine, lambda seen: seen == ())
    for pid in sleepers():
        await gone(pid)


async def test_what_was_stopped_before_stays_stopped_when_it_is_thawed(process_bench: ProcessBench):
    stopping = replace(formation(), command=f"sleep {NUMBER} & wait")
    engine = await running(process_bench, stopping)
    (pid,) = await asleep(1)
    os.kill(pid, signal.SIGSTOP)
    while child.states(pid) != b"T":
        await asyncio.to_thread(os.sched_yield)
    await engine.freeze(stopping.key, epoch=1)
    await engine.ensure(stopping, 1, epoch=1)
    await healthy(engine, stopping)
    assert child.states(pid) == b"T"
    os.kill(pid, signal.SIGCONT)


async def test_a_process_of_a_supervisor_that_cannot_freeze_is_stopped(
    process_bench: ProcessBench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sternway.engines.process.process.FREEZES_SINCE", order.PROTOCOL + 1)
    engine = await frozen(process_bench, formation())
    await until(engine, lambda seen: seen == ())


async def test_a_thawed_service_is_healthy_once_it_has_answered_again(process_bench: ProcessBench):
    web = process_bench.web()
    engine = await running(process_bench, web)
    await process_bench.hang(web)  # and will after the thaw, since it stood still before
    await engine.freeze(web.key, epoch=1)
    await engine.ensure(web, 1, epoch=1)
    await until(engine, lambda seen: processes(seen, web)[0].health is Health.UNHEALTHY)
    os.kill(innermost(left_by(process_bench, web).pid), signal.SIGCONT)
    await healthy(engine, web)


async def test_nobody_asks_a_frozen_process_how_it_is(process_bench: ProcessBench):
    web = replace(process_bench.web(), health=HealthCheck(path="/", interval_s=0.01, timeout_s=0.01))
    other = replace(formation("other"), command="exit 1")
    engine = await frozen(process_bench, web)
    await engine.ensure(other, 1, epoch=1)
    await until(engine, lambda seen: processes(seen, other)[0].exits >= 3)
    assert [p.health for p in processes(await engine.observe(APP), web)] == [Health.FROZEN]


async def test_no_command_runs_inside_a_frozen_process_and_it_is_still_measured(process_bench: ProcessBench):
    engine = await frozen(process_bench, formation())
    single = SingleProcesses(engine, process_bench.data, clock=WallClock())
    (process,) = processes(await engine.observe(APP), formation())
    with pytest.raises(Refused, match="frozen"):
        async with single.execute(APP, process.id, Execution(("true",))):
            pass
    assert (await single.usage(APP))[process.id].memory_mib > 0


@only(not lent(GROUPS))
async def test_a_process_outside_of_all_groups_cannot_thaw_one_by_a_signal(start: Start):
    bench, content = await start(GROUPS), family(bounded=True)
    await frozen(bench, content)
    left = left_by(bench, content)
    for pid in below(left.supervisor_pid):
        os.kill(pid, signal.SIGCONT)
    assert stand_still(left.supervisor_pid)
    assert is_alive(left.pid)
