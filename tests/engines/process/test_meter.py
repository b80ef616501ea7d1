"""What processes use, read from files as the kernel writes them and from the kernel itself."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sternway.core.formation import Limits
from sternway.engines.process.meter import Meter, Subject
from sternway.engines.process.report import Report
from tests.engines.bench import APP, healthy
from tests.engines.process.ways import GROUPS, NOTHING, lent, only
from tests.engines.single_bench import SingleProcessBench, run

MIB = 1024 * 1024


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[SingleProcessBench]:
    bench = SingleProcessBench(tmp_path / "data", NOTHING)
    yield bench
    await bench.clear()


def group(directory: Path, **files: str) -> str:
    directory.mkdir()
    for name, text in files.items():
        (directory / name.replace("_", ".", 1)).write_text(text)
    return str(directory)


def test_groups_of_version_2_say_what_is_used(tmp_path: Path):
    own = group(
        tmp_path / "own",
        cpu_stat="usage_usec 5000000\nuser_usec 1\n",
        memory_current=str(30 * MIB),
        memory_stat=f"anon 1\ninactive_file {10 * MIB}\n",
    )
    subject = Subject("0123456789", Report("running", pid=1, groups=[own]), age_s=10.0)
    used = Meter().measure([subject])["0123456789"]
    assert (used.cpu, used.memory_mib) == (0.5, 20.0)


def test_groups_of_version_1_say_what_is_used(tmp_path: Path):
    memory = group(
        tmp_path / "memory",
        memory_usage_in_bytes=f"{30 * MIB}\n",
        memory_stat=f"cache 1\ninactive_file 1\ntotal_inactive_file {10 * MIB}\n",
    )
    spent = group(tmp_path / "cpu", cpuacct_usage="2500000000\n", cpu_stat="nr_periods 0\n")
    subject = Subject("0123456789", Report("running", pid=1, groups=[memory, spent]), age_s=10.0)
    used = Meter().measure([subject])["0123456789"]
    assert (used.cpu, used.memory_mib) == (0.25, 20.0)


def test_a_second_look_at_once_is_answered_from_the_first(tmp_path: Path):
    own = group(tmp_path / "own", cpu_stat="usage_usec 5000000\n", memory_current="0")
    meter, subject = Meter(), Subject("0123456789", Report("running", pid=1, groups=[own]), age_s=10.0)
    first = meter.measure([subject])
    (tmp_path / "own" / "cpu.stat").write_text("usage_usec 9000000\n")
    assert meter.measure([subject]) == first


def test_a_process_that_is_gone_is_left_out():
    subject = Subject("0123456789", Report("running", pid=2**30, supervisor_pid=2**30), age_s=1.0)
    assert Meter().measure([subject]) == {}


async def test_without_groups_the_memory_of_all_that_a_process_started_counts(bench: SingleProcessBench):
    engine, processes = await bench.start()
    hog = "import time; x = bytearray(40 * 1024 * 1024); time.sleep(1000)"
    wanted = bench.formation(f"setsid python3 -S -c '{hog}' & sleep 1000")
    await engine.ensure(wanted, 1, epoch=1)
    (process,) = await healthy(engine, wanted)
    async with asyncio.timeout(20):
        while (await processes.usage(APP))[process.id].memory_mib < 40:
            await run(processes, process.id, "sleep", "0.5")
    assert (await processes.usage(APP))[process.id].memory_mib < 40 + 40


@only(not lent(GROUPS))
async def test_with_limits_the_group_is_read(tmp_path: Path):
    bench = SingleProcessBench(tmp_path / "data", GROUPS)
    engine, processes = await bench.start()
    wanted = bench.limited(Limits(cpu_millis=500, memory_mib=128))
    await engine.ensure(wanted, 1, epoch=1)
    (process,) = await healthy(engine, wanted)
    try:
        used = (await processes.usage(APP))[process.id]
        assert 0 < used.memory_mib < 128
        assert 0 <= used.cpu <= (os.cpu_count() or 1)
    finally:
        await bench.clear()
