"""What only real processes can show: secrets, signals, and what survives which death."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sternway.core.environment import Environment
from sternway.core.formation import Formation, Health, HealthCheck
from sternway.engines.process.slots import Slots
from sternway.supervisor import child
from tests.engines.bench import APP, TREE, ProcessBench, formation, healthy, ids, processes, until
from tests.engines.process.observing import (
    all_pids,
    command_line,
    environment_of,
    innermost,
    is_alive,
    left_by,
    printed,
)

SECRET = "hunter2-of-the-test"
LISTEN = f'{sys.executable} -S -m http.server "$PORT" --bind 127.0.0.1'


async def gone(pid: int) -> None:
    """Wait for a process that is no child of ours."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop.add_reader(process, ended.set)
    async with asyncio.timeout(10):
        await ended.wait()
    loop.remove_reader(process)
    os.close(process)


def waiting_supervisor() -> int:
    """Return the only child of this process that waits to become a supervisor; one just started has no words yet."""
    program = str(Path(child.__file__).with_name("__main__.py")).encode()
    found: list[int] = []
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        found = [pid for pid in all_pids() if parent_of(pid) == os.getpid() and program in command_line(pid)]
    (waiting,) = found
    return waiting


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


async def variables_of(bench: ProcessBench, wanted: Formation) -> Mapping[str, str]:
    engine = await bench.start()
    await engine.ensure(wanted, 1, epoch=1)
    await healthy(engine, wanted)
    return environment_of(innermost(left_by(bench, wanted).pid))


async def test_a_process_finds_exactly_its_environment(process_bench: ProcessBench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OF_THE_RACK", "1")
    wanted = replace(
        formation(),
        environment=Environment({"COLOUR": "blue = green", "RELEASE": "declared"}),
        labels={"RELEASE": "RAAAAAAAAAA"},
    )
    variables = dict(await variables_of(process_bench, wanted))
    home = variables.pop("HOME")
    assert Path(home).is_relative_to(process_bench.data)
    assert variables.pop("TMPDIR") in ("/tmp", str(Path(home).with_name("tmp")))
    variables.pop("PWD", None)
    assert variables == {
        "COLOUR": "blue = green",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "RELEASE": "RAAAAAAAAAA",
    }


async def test_a_declared_variable_replaces_a_default_and_the_port_replaces_all(process_bench: ProcessBench):
    wanted = replace(formation(), port=3000, environment=Environment({"PORT": "1", "HOME": "/", "PATH": "/bin"}))
    wanted = replace(wanted, command=LISTEN)
    variables = await variables_of(process_bench, wanted)
    assert (variables["HOME"], variables["PATH"]) == ("/", "/bin")
    assert variables["PORT"] not in ("1", "3000")


async def test_environment_values_are_in_no_file_and_no_command_line(process_bench: ProcessBench):
    wanted = replace(formation(), environment=Environment({"TOKEN": SECRET}))
    assert (await variables_of(process_bench, wanted))["TOKEN"] == SECRET
    supervisor = Path(f"/proc/{left_by(process_bench, wanted).supervisor_pid}")
    assert SECRET.encode() not in (supervisor / "cmdline").read_bytes() + (supervisor / "environ").read_bytes()
    files = [path for path in process_bench.data.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


async def test_files_of_processes_are_for_their_owner_only(process_bench: ProcessBench):
    engine = await process_bench.start()
    await engine.ensure(formation(), 1, epoch=1)
    await healthy(engine, formation())
    ((_, directory),) = Slots(process_bench.data / "processes").of_app(APP)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (directory, *directory.iterdir())}
    assert set(modes.values()) == {0}


async def test_a_process_inherits_no_files_but_its_three(process_bench: ProcessBench):
    engine = await process_bench.start()
    wanted = replace(formation(), command="ls -l /proc/self/fd | wc -l; sleep 1000", port=3000)
    await engine.ensure(wanted, 1, epoch=1)
    # A line for the total, the three, and the directory that `ls` itself reads.
    assert await printed(process_bench, 1) == [b"5"]


async def test_processes_start_in_their_snapshot_and_have_ports_of_their_own(process_bench: ProcessBench):
    (process_bench.data / "snapshots" / ("0" * 64) / "sub").mkdir()
    wanted = replace(formation(), artifact=f"{TREE}#sub", command='pwd; echo "$PORT"; sleep 1000', port=3000)
    engine = await process_bench.start()
    await engine.ensure(wanted, 2, epoch=1)
    lines = await printed(process_bench, 4)
    assert [line for line in lines if line.endswith(b"0/sub")] == [lines[0]] * 2
    assert len({line for line in lines if line.isdigit()}) == 2


async def test_a_service_gets_healthy_when_its_path_answers(process_bench: ProcessBench):
    engine = await process_bench.start()
    wanted = replace(formation(), command=LISTEN, port=3000, health=HealthCheck(path="/"))
    await engine.ensure(wanted, 1, epoch=1)
    (process,) = await healthy(engine, wanted)
    assert process.endpoint is not None
    _, writer = await asyncio.open_connection(*process.endpoint.split(":"))
    writer.close()
    await writer.wait_closed()


async def test_a_path_that_answers_an_error_keeps_a_service_starting(process_bench: ProcessBench):
    engine = await process_bench.start()
    wanted = replace(formation(), command=LISTEN, port=3000, health=HealthCheck(path="/missing"))
    await engine.ensure(wanted, 1, epoch=1)
    await until(engine, lambda seen: processes(seen, wanted)[0].detail == "GET /missing answered 404")
    assert processes(await engine.observe(APP), wanted)[0].health is Health.STARTING


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        ("echo first; echo 'the last words' >&2; exit 3", "exited with code 3: the last words"),
        ("kill -SEGV $$", "ended by SIGSEGV"),
        ("printf 'no newline'; exit 1", "exited with code 1: no newline"),
        (None, "exited with code 127: the service has no command: add `command:` to the manifest"),
    ],
)
async def test_a_failed_process_says_how_it_ended(process_bench: ProcessBench, command: str | None, detail: str):
    engine = await process_bench.start()
    wanted = replace(formation(), command=command)
    await engine.ensure(wanted, 1, epoch=1)
    seen = await until(engine, lambda seen: processes(seen, wanted)[0].health is Health.FAILED)
    assert processes(seen, wanted)[0].detail == detail


@pytest.mark.parametrize("artifact", ["tree:sha256:" + "f" * 64, "memory:nonsense"])
async def test_a_process_whose_artifact_is_gone_fails_with_the_reason(process_bench: ProcessBench, artifact: str):
    engine = await process_bench.start()
    wanted = replace(formation(), artifact=artifact)
    await engine.ensure(wanted, 1, epoch=1)
    seen = await until(engine, lambda seen: processes(seen, wanted)[0].health is Health.FAILED)
    assert "No such file or directory" in processes(seen, wanted)[0].detail


async def test_who_ignores_the_signal_to_end_is_killed_with_all_it_started(process_bench: ProcessBench):
    engine = await process_bench.start()
    command = "trap '' TERM; sleep 1234.5 & setsid sleep 1234.5 & echo started; sleep 1234.5"
    wanted = replace(formation(), command=command, grace_s=0.1)
    await engine.ensure(wanted, 1, epoch=1)
    await printed(process_bench, 1)
    await engine.retire(wanted.key, keep=0, epoch=1)
    await until(engine, lambda seen: seen == ())
    assert [pid for pid in all_pids() if command_line(pid) == b"sleep\x001234.5\0"] == []


async def test_a_process_may_finish_within_its_grace(process_bench: ProcessBench):
    engine = await process_bench.start()
    program = "import signal; print('ready', flush=True); signal.sigwait([signal.SIGTERM]); print('finished')"
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    wanted = replace(formation(), command=f'{sys.executable} -c "{block}; {program}"')
    await engine.ensure(wanted, 1, epoch=1)
    await printed(process_bench, 1)
    await engine.retire(wanted.key, keep=0, epoch=1)
    await until(engine, lambda seen: seen == ())
    assert await printed(process_bench, 2) == [b"ready", b"finished"]


async def test_a_process_outlives_a_killed_rack_and_is_adopted(process_bench: ProcessBench, tmp_path: Path):
    rack = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.engines.process.rack", str(process_bench.data), stdout=asyncio.subprocess.PIPE
    )
    assert rack.stdout is not None
    async with asyncio.timeout(20):
        before = (await rack.stdout.readline()).decode().split()
    rack.send_signal(signal.SIGKILL)
    await rack.wait()
    pid = left_by(process_bench, formation()).pid
    engine = await process_bench.start()
    seen = await engine.observe(APP)
    assert (ids(seen, formation()), is_alive(pid)) == (before, True)
    assert processes(seen, formation())[0].health is Health.HEALTHY
    assert left_by(process_bench, formation()).pid == pid


async def test_a_process_without_its_supervisor_is_ended_and_its_slot_is_free(process_bench: ProcessBench):
    engine = await process_bench.start()
    await engine.ensure(formation(), 1, epoch=1)
    await healthy(engine, formation())
    left = left_by(process_bench, formation())
    os.kill(left.supervisor_pid, signal.SIGKILL)
    await until(engine, lambda seen: processes(seen, formation()) == ())
    await gone(left.pid)
    await engine.ensure(formation(), 1, epoch=1)
    await healthy(engine, formation())


async def test_a_supervisor_that_went_while_there_was_no_rack_is_noticed(process_bench: ProcessBench):
    engine = await process_bench.start()
    await engine.ensure(formation(), 1, epoch=1)
    await healthy(engine, formation())
    left = left_by(process_bench, formation())
    await process_bench.leave()
    os.kill(left.supervisor_pid, signal.SIGKILL)
    await gone(left.supervisor_pid)
    engine = await process_bench.start()
    assert await engine.observe(APP) == ()
    await gone(left.pid)


async def test_a_waiting_supervisor_that_was_killed_is_replaced(process_bench: ProcessBench):
    engine = await process_bench.start()
    os.kill(waiting_supervisor(), signal.SIGKILL)
    await engine.ensure(formation(), 1, epoch=1)
    await healthy(engine, formation())


async def test_the_files_of_the_last_ended_processes_are_kept(process_bench: ProcessBench):
    slots = Slots(process_bench.data / "processes")
    engine = await process_bench.start()
    await engine.ensure(formation(), 1, epoch=1)
    ((slot, _),) = slots.of_app(APP)
    for number in range(25):
        ended = replace(slot, id=f"ended{number}", created_at=datetime.now(UTC))
        slots.create(ended)
        slots.end(ended)
    assert len(list(slots.of_app(APP))) == 20 + 1
    assert [alive.id for alive in slots.alive()] == [slot.id]
