"""Processes that are kept apart, each way that this machine has; what it lacks is skipped here and run elsewhere."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sternway.core.errors import Conflict
from sternway.core.formation import Formation, Health, Limits, Volume
from sternway.engines.process import engine as process_engine
from sternway.engines.process import isolation
from sternway.engines.process.isolation import Wanted
from sternway.engines.process.slots import Slots
from sternway.supervisor import cgroup
from tests.engines.bench import (
    APP,
    EVERYTHING,
    LAST_EPOCH,
    ProcessBench,
    formation,
    healthy,
    processes,
    surveyed,
    until,
)
from tests.engines.process.observing import all_pids, command_line, environment_of, is_alive, left_by, printed
from tests.engines.process.ways import BOTH, GROUPS, NOTHING, SANDBOX, USERS, Start, lent, only, ways

HOG = f'exec {sys.executable} -S -c "x = bytearray(200 * 1024 * 1024); import time; time.sleep(100)"'


async def said(bench: ProcessBench, command: str, **changes: Any) -> tuple[list[bytes], list[bytes]]:
    """Return the notes that the log of a process begins with, and what its command prints."""
    running = await bench.start()
    told = f"echo begin; {{ {command}; }} 2>&1; echo end; sleep 1000"
    wanted = replace(formation("said", app="said"), command=told, **changes)
    await running.ensure(wanted, 1, epoch=1)
    lines = await printed(bench, b"end", app="said")
    return lines[: lines.index(b"begin")], lines[lines.index(b"begin") + 1 : -1]


async def failed(bench: ProcessBench, wanted: Formation) -> str:
    """Return why a process ends by itself."""
    running = await bench.start()
    await running.ensure(wanted, 1, epoch=1)
    seen = await until(running, lambda seen: processes(seen, wanted)[0].health is Health.FAILED)
    return processes(seen, wanted)[0].detail


# --- users ---


@ways(USERS, BOTH)
async def test_an_app_runs_as_a_user_of_its_own_with_no_group_and_no_way_up(start: Start, wanted: Wanted):
    bench = await start(wanted)
    _, (user, group, groups, status) = await said(bench, "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status")
    assert user == group == groups
    assert 300_000 <= int(user) < 365_536
    assert status.split() == [b"NoNewPrivs:", b"1"]


@only(not lent(USERS))
async def test_two_apps_have_two_users_and_keep_them(start: Start):
    bench = await start(USERS)
    running = await bench.start()
    for app in ("shop", "blog"):
        await running.ensure(replace(formation(app=app), command="id -u; sleep 1000"), 1, epoch=1)
    shop, blog = [(await printed(bench, 1, app=app))[0] for app in ("shop", "blog")]
    running = await bench.start()
    await running.ensure(replace(formation("two"), command="id -u; sleep 1000"), 1, epoch=1)
    assert await printed(bench, 2) == [shop, shop]
    assert shop != blog


@ways(USERS, BOTH, SANDBOX)
async def test_nothing_of_the_rack_can_be_read_by_an_app(start: Start, wanted: Wanted):
    bench = await start(wanted)
    rack = bench.data.parent
    hidden = [rack / "rack-url", rack / "keys" / "rack.key", bench.data / "processes" / "blog" / "1" / "log" / "1"]
    for path in hidden:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
        path.chmod(0o644)
    for directory in (rack.parent, rack, bench.data):
        directory.chmod(0o755)
    command = f"cat {' '.join(map(str, hidden))}; ls {rack} {bench.data}; cat $HOME/../slot.json"
    _, lines = await said(bench, command)
    assert b"secret" not in lines
    assert sum(b"No such file" in line for line in lines) == 4
    assert b"engine" in lines
    assert b"epoch" not in lines


@ways(NOTHING, USERS, SANDBOX, BOTH)
async def test_an_app_may_write_in_its_own_directories_and_not_in_its_tree(start: Start, wanted: Wanted):
    bench = await start(wanted)
    (bench.data / "snapshots" / ("0" * 64) / "file").write_text("from the tree\n")
    command = "cat file; touch $HOME/a && touch $TMPDIR/b && mktemp -p /tmp sternway-test.XXXXXX > $HOME/c && echo ok"
    _, lines = await said(bench, f"{command}; rm $(cat $HOME/c); touch new 2>/dev/null && echo open")
    assert lines[:2] == [b"from the tree", b"ok"]
    assert (b"open" in lines) is (wanted == NOTHING)


@only(os.geteuid() != 0)
async def test_a_rack_that_is_root_and_cannot_keep_apps_apart_says_so(start: Start, caplog: pytest.LogCaptureFixture):
    (line,), (user,) = await said(await start(NOTHING), "id -u")
    assert line.startswith(b"user: runs as root, as the rack does, since ")
    assert user == b"0"
    assert [each for each in caplog.messages if each.startswith("Apps run as root")] != []


async def test_a_rack_that_is_not_root_looks_for_bubblewrap_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = isolation.find(tmp_path, Wanted(groups=False))
    assert not found.has_users
    assert not found.is_open


async def test_a_machine_on_which_nothing_can_be_tried_lends_nothing(tmp_path: Path):
    found = isolation.find(tmp_path, Wanted(), python="/bin/false")
    assert (found.can_limit, found.has_users, found.sandbox) == (False, False, "")
    assert "trial" in found.problems


# --- sandbox ---


@ways(SANDBOX, BOTH)
async def test_a_sandbox_shows_the_system_and_neither_homes_nor_other_processes(start: Start, wanted: Wanted):
    with tempfile.NamedTemporaryFile(dir=Path.home(), prefix=".sternway-test-") as at_home:
        command = f"ls -d /usr/bin/env; ls {at_home.name} 2>/dev/null; ls -d /proc/[0-9]* | wc -l; touch /usr/x"
        _, lines = await said(await start(wanted), command)
    assert lines[0] == b"/usr/bin/env"
    assert int(lines[1]) < 10
    assert b"Read-only file system" in lines[2]


@ways(SANDBOX, BOTH)
async def test_a_sandboxed_process_may_finish_within_its_grace_also_when_it_has_only_begun(
    start: Start, wanted: Wanted
):
    bench = await start(wanted)
    running = await bench.start()
    patient = replace(formation(), command="trap 'echo finished; exit 0' TERM; echo ready; sleep 1000 & wait")
    await running.ensure(patient, 1, epoch=1)
    await printed(bench, b"ready")
    await running.ensure(formation("two"), 1, epoch=1)
    for key in (patient.key, formation("two").key):
        await running.retire(key, keep=0, epoch=1)
    await until(running, lambda seen: seen == ())
    await printed(bench, b"finished")


@ways(SANDBOX, BOTH)
async def test_variables_and_signals_pass_through_a_sandbox_and_are_in_no_command_line(start: Start, wanted: Wanted):
    bench = await start(wanted)
    crashing = replace(formation(), command="echo $TOKEN; sleep 0.1; kill -SEGV $$", labels={"TOKEN": "hunter2-boxed"})
    assert await failed(bench, crashing) == "ended by SIGSEGV: hunter2-boxed"
    assert [pid for pid in all_pids() if b"hunter2-boxed" in command_line(pid)] == []


@only(not lent(SANDBOX))
async def test_what_an_app_declares_does_not_load_into_its_sandbox_maker(start: Start):
    bench = await start(SANDBOX)
    _, lines = await said(bench, "echo $LD_PRELOAD", labels={"LD_PRELOAD": "/no/such/library.so"})
    left = left_by(bench, formation("said", app="said"))
    assert b"/no/such/library.so" in lines
    assert environment_of(left.pid) == {}


@ways(SANDBOX, BOTH)
async def test_who_left_the_group_of_a_sandboxed_process_does_not_delay_its_end(start: Start, wanted: Wanted):
    bench = await start(wanted)
    leaving = replace(formation(), command="setsid sleep 2345.5 & echo ready; exec sleep 2345.5", grace_s=60)
    running = await bench.start()
    await running.ensure(leaving, 1, epoch=1)
    await printed(bench, b"ready")
    await running.retire(leaving.key, keep=0, epoch=1)
    await until(running, lambda seen: seen == ())
    assert [pid for pid in all_pids() if command_line(pid) == b"sleep\x002345.5\x00"] == []


# --- limits ---


@ways(GROUPS, EVERYTHING)
async def test_a_process_that_takes_too_much_memory_is_killed_and_the_reason_said(start: Start, wanted: Wanted):
    hungry = replace(formation(), command=HOG, limits=Limits(memory_mib=32))
    assert await failed(await start(wanted), hungry) == "killed: out of memory (limit 32 MiB)"


@ways(NOTHING, BOTH)
async def test_without_control_groups_memory_is_bounded_for_each_process(start: Start, wanted: Wanted):
    hungry = replace(formation(), command=HOG, limits=Limits(memory_mib=64, cpu_millis=500))
    bench = await start(wanted)
    assert (await failed(bench, hungry)).endswith("MemoryError")
    notes = [line for line in await printed(bench, 4) if line.startswith(b"limits: ")]
    assert len(notes) == 2


@only(not lent(GROUPS))
async def test_the_groups_of_a_process_bound_it_outlive_the_rack_and_go_with_it(start: Start):
    bench, bounded = await start(GROUPS), replace(formation(), limits=Limits(cpu_millis=250, memory_mib=64))
    running = await bench.start()
    assert running.capabilities.can_limit
    await running.ensure(bounded, 1, epoch=1)
    await healthy(running, bounded)
    left = left_by(bench, bounded)
    running = await bench.start()
    assert all(left.pid in cgroup.members(group) for group in left.groups)
    bounds = bounds_of(left.groups)
    assert {"67108864", "1024"} <= bounds
    assert bounds & {"25000", "25000 100000"}
    await running.retire(bounded.key, keep=0, epoch=1)
    await until(running, lambda seen: seen == ())
    assert remaining(left.groups) == []


def bounds_of(groups: Sequence[str]) -> set[str]:
    names = ("memory.max", "memory.limit_in_bytes", "cpu.max", "cpu.cfs_quota_us", "pids.max")
    files = [Path(group, name) for group in groups for name in names]
    return {file.read_text().strip() for file in files if file.exists()}


def remaining(groups: Sequence[str]) -> list[str]:
    return [group for group in groups if Path(group).exists()]


@only(not lent(GROUPS))
async def test_the_groups_of_a_process_go_with_a_supervisor_that_was_killed(start: Start):
    bench = await start(EVERYTHING)
    bounded = replace(formation(), limits=Limits(memory_mib=64), command="setsid sleep 4321.5 & sleep 4321.5")
    running = await bench.start()
    await running.ensure(bounded, 1, epoch=1)
    await healthy(running, bounded)
    left = left_by(bench, bounded)
    os.kill(left.supervisor_pid, signal.SIGKILL)
    await until(running, lambda seen: not processes(seen, bounded))
    assert remaining(left.groups) == []
    assert [pid for pid in all_pids() if command_line(pid) == b"sleep\x004321.5\x00"] == []


# --- volumes ---


@ways(NOTHING, USERS, SANDBOX, BOTH)
async def test_a_volume_outlives_its_processes_and_is_shared_by_the_services_of_an_app(start: Start, wanted: Wanted):
    bench = await start(wanted)
    running = await bench.start()
    write = replace(
        formation(), volumes=(Volume("/data/base"),), command='echo kept > "$VOLUME_DATA_BASE/file"; sleep 1000'
    )
    await running.ensure(write, 1, epoch=1)
    await healthy(running, write)
    await running.retire(write.key, keep=0, epoch=1)
    await until(running, lambda seen: seen == ())
    where = "/data/base" if surveyed(wanted).sandbox else '"$VOLUME_DATA_BASE"'
    seen = []
    for app, name in ((APP, "two"), ("blog", "three")):
        read = replace(formation(name, app=app, service="web"), volumes=write.volumes)
        read = replace(read, command=f"ls -A {where}; echo end; sleep 1000")
        await running.ensure(read, 1, epoch=1)
        seen.append(b"file" in await printed(bench, b"end", app=app))
    assert seen == [True, False]


@ways(NOTHING, SANDBOX, BOTH)
async def test_a_volume_of_the_machine_is_at_its_target_and_others_are_refused_in_the_log(
    start: Start, wanted: Wanted, tmp_path: Path
):
    bench = await start(wanted)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "note").write_text("hello\n")
    named = (
        Volume("/srv/shared", str(tmp_path / "shared")),
        Volume("/x", "database"),
        Volume("/usr/lib", None),
        Volume("/rack", str(bench.data)),
    )
    notes, lines = await said(bench, 'cat "$VOLUME_SRV_SHARED/note"', volumes=named)
    assert [note for note in notes if b"ignored" in note] == [
        b"volume /x: ignored, since database is no path of the machine",
        b"volume /usr/lib: ignored, since this path is the system's",
        b"volume /rack: ignored, since the rack's own directory is no volume",
    ]
    assert lines == [b"hello"]


# --- what is kept of an app ---


async def test_an_app_that_is_forgotten_leaves_no_logs_and_its_data_to_nobody(start: Start):
    bench = await start(EVERYTHING)
    running = await bench.start()
    wanted = replace(formation(), volumes=(Volume("/data"),), command='echo precious > "$VOLUME_DATA/file"; sleep 1000')
    await running.ensure(wanted, 1, epoch=1)
    await healthy(running, wanted)
    with pytest.raises(Conflict):
        await running.forget(APP, epoch=1)
    await running.retire(wanted.key, keep=0, epoch=1)
    await until(running, lambda seen: seen == ())
    await running.forget(APP, epoch=1)
    await running.forget(APP, epoch=1)
    assert list(Slots(bench.data / "processes").of_app(APP)) == []
    assert not (bench.data / "volumes" / APP).exists()
    assert [path.read_text() for path in bench.data.glob(f"volumes-left/{APP}.1/*/file")] == ["precious\n"]


# --- supervisors that hang ---


async def test_a_process_whose_supervisor_hangs_is_killed_when_its_stop_is_overdue(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(process_engine, "STOPS_WITHIN_S", 0.1)
    bench, wanted = await start(EVERYTHING), replace(formation(), grace_s=0.1)
    running = await bench.start()
    await running.ensure(wanted, 1, epoch=1)
    await healthy(running, wanted)
    left = left_by(bench, wanted)
    os.kill(left.supervisor_pid, signal.SIGSTOP)
    await running.retire(wanted.key, keep=0, epoch=LAST_EPOCH)
    await until(running, lambda seen: seen == ())
    assert not is_alive(left.pid)


async def test_a_start_of_which_nothing_is_heard_is_given_up(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process_engine, "ANSWERS_WITHIN_S", 0.1)
    bench = await start(EVERYTHING)
    running = await bench.start()
    waiting = next(pid for pid in all_pids() if is_waiting_supervisor(pid))
    os.kill(waiting, signal.SIGSTOP)
    try:
        await running.ensure(formation(), 1, epoch=1)
        await until(running, lambda seen: not processes(seen, formation()))
    finally:
        os.kill(waiting, signal.SIGCONT)
    monkeypatch.undo()
    async with asyncio.timeout(10):
        await running.ensure(formation(), 1, epoch=1)
        await healthy(running, formation())
    assert len(list(bench.data.glob("processes/*/*/ended"))) == 1


def is_waiting_supervisor(pid: int) -> bool:
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False
    return parent == os.getpid() and b"supervisor/__main__.py" in command_line(pid)
