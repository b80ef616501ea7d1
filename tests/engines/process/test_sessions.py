"""Commands inside real processes, each way that processes are kept apart here."""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.errors import EngineUnavailable, InvalidInput, NotFound, Refused, Unsupported
from sternway.core.formation import Formation, Health, ProcessState
from sternway.engines.process import sessions
from sternway.engines.process.isolation import Wanted
from sternway.ports import Engine, Execution
from sternway.supervisor import cgroup, child
from tests.engines.bench import APP, EVERYTHING, FOREVER, ProcessBench, formation, healthy, processes, until
from tests.engines.process.observing import is_alive, left_by
from tests.engines.process.ways import BOTH, GROUPS, NOTHING, SANDBOX, USERS, Start, lent, only, ways


class Running:
    """A process, and the directory in which its supervisor is found."""

    def __init__(self, bench: ProcessBench, engine: Engine, wanted: Formation, process: ProcessState) -> None:
        self.bench, self.engine, self.wanted, self.process = bench, engine, wanted, process
        self.directory = bench.data / "processes" / APP / process.id

    @contextlib.asynccontextmanager
    async def opened(self, *words: str, has_terminal: bool = False) -> AsyncIterator[sessions.ProcessSession]:
        execution = Execution(words, has_terminal=has_terminal)
        async with asyncio.timeout(20), sessions.opened(self.directory, execution) as session:
            yield session

    async def said(self, *words: str) -> list[bytes]:
        async with self.opened(*words) as session:
            return b"".join([chunk async for chunk in session.output()]).splitlines()


async def running(bench: ProcessBench, command: str = FOREVER) -> Running:
    engine = await bench.start()
    wanted = replace(formation(), command=command)
    await engine.ensure(wanted, 1, epoch=1)
    (process,) = await healthy(engine, wanted)
    return Running(bench, engine, wanted, process)


async def read_until(session: sessions.ProcessSession, wanted: bytes) -> None:
    seen = b""
    async for chunk in session.output():
        seen += chunk
        if wanted in seen:
            return
    raise AssertionError(f"printed only {seen!r}")


async def ended(*pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            await asyncio.to_thread(wait_for, os.pidfd_open(pid))


def wait_for(process: int) -> None:
    ready, _, _ = select.select([process], [], [], 10)
    os.close(process)
    assert ready


# --- the same surroundings ---


@ways(NOTHING, USERS, SANDBOX, BOTH)
async def test_a_command_is_the_same_user_in_the_same_place_as_its_process(start: Start, wanted: Wanted):
    script = "id -u; id -G; pwd; echo $HOME; echo $TMPDIR; grep -E 'Groups|NoNewPrivs' /proc/self/status"
    there = await running(await start(wanted), f"{{ {script}; }} > $HOME/begun; mv $HOME/begun $HOME/said; {FOREVER}")
    its = await there.said("sh", "-c", "until [ -e $HOME/said ]; do sleep 0.01; done; cat $HOME/said")
    assert await there.said("sh", "-c", script) == its
    assert len(its) == 7


@ways(USERS, SANDBOX, BOTH)
async def test_a_command_has_no_capability_and_cannot_get_one(start: Start, wanted: Wanted):
    there = await running(await start(wanted))
    status = await there.said("grep", "-E", "CapPrm|CapEff|NoNewPrivs", "/proc/self/status")
    assert [line.split()[1].lstrip(b"0") for line in status] == [b"", b"", b"1"]


@ways(NOTHING, USERS, SANDBOX, BOTH)
async def test_a_command_sees_the_other_processes_and_what_they_wrote(start: Start, wanted: Wanted):
    there = await running(await start(wanted), f"echo mine > $TMPDIR/it; echo $$ > $HOME/pid; {FOREVER}")
    script = "until [ -s $HOME/pid ]; do sleep 0.01; done; cat $TMPDIR/it; kill -0 $(cat $HOME/pid) && echo there"
    assert await there.said("sh", "-c", script) == [b"mine", b"there"]


@ways(SANDBOX, BOTH)
async def test_a_command_in_a_sandbox_sees_also_what_only_the_sandbox_has(start: Start, wanted: Wanted):
    there = await running(await start(wanted), f"echo inside > /only-here; {FOREVER}")
    script = "until [ -s /only-here ]; do sleep 0.01; done; cat /only-here; ls /proc | grep -c '^[0-9]'"
    assert await there.said("sh", "-c", script) == [b"inside", b"6"]
    assert "only-here" not in os.listdir("/")


@ways(USERS, BOTH)
async def test_nothing_of_the_rack_can_be_read_by_a_command(start: Start, wanted: Wanted):
    bench = await start(wanted)
    there = await running(bench)
    secret = bench.data.parent / "rack-url"
    secret.write_text("secret")
    secret.chmod(0o644)
    for directory in (secret.parent.parent, secret.parent, bench.data):
        directory.chmod(0o755)
    said = b"\n".join(await there.said("sh", "-c", f"cat {secret}; cat $HOME/../slot.json"))
    assert said.count(b"No such file") == 2


@only(not lent(GROUPS))
async def test_a_command_is_within_the_limits_of_its_process(start: Start):
    there = await running(await start(GROUPS))
    groups = left_by(there.bench, there.wanted).groups
    async with there.opened("sh", "-c", "echo $$; exec sleep 1000") as session:
        pid = int(await anext(session.output()))
        assert groups
        assert all(pid in cgroup.members(group) for group in groups)


@ways(USERS, BOTH)
async def test_what_a_command_prints_to_can_be_opened_again_by_name(start: Start, wanted: Wanted):
    there = await running(await start(wanted))
    assert await there.said("sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr") == [b"out", b"err"]
    async with there.opened("sh", "-c", "echo tty > /dev/tty; echo out > /dev/stdout", has_terminal=True) as session:
        assert b"".join([chunk async for chunk in session.output()]) == b"tty\r\nout\r\n"


# --- terminals ---


@ways(NOTHING, SANDBOX, BOTH)
async def test_an_interrupt_typed_reaches_the_command_and_not_the_session(start: Start, wanted: Wanted):
    there = await running(await start(wanted))
    script = "trap 'echo caught; exit 4' INT; echo ready; while :; do sleep 0.01; done"
    async with there.opened("sh", "-c", script, has_terminal=True) as session:
        await read_until(session, b"ready")
        await session.write(b"\x03")
        await read_until(session, b"caught")
        assert await session.exit_code() == 4


async def test_the_end_of_the_input_is_typed_at_a_terminal(start: Start):
    there = await running(await start(NOTHING))
    for given in (b"", b"line\n", b"half a line"):
        async with there.opened("cat", has_terminal=True) as session:
            await session.write(given)
            await session.end_input()
            await session.end_input()
            assert given.strip() in b"".join([chunk async for chunk in session.output()])
            assert await session.exit_code() == 0


# --- ends ---


@ways(NOTHING, SANDBOX)
async def test_nothing_that_a_command_started_outlives_it(start: Start, wanted: Wanted):
    there = await running(await start(wanted))
    before = below(there)
    async with there.opened("bash", "-c", "set -m; sleep 1000 & sleep 1000 & echo ready; wait") as session:
        await read_until(session, b"ready")
        assert len(below(there) - before) >= 3
    await ended(*(below(there) - before))
    assert await there.said("sh", "-c", "sleep 1000 & echo done") == [b"done"]
    await ended(*(below(there) - before))


async def test_a_command_ends_with_its_process(start: Start):
    there = await running(await start(NOTHING))
    async with there.opened("sh", "-c", "echo ready; cat") as session:
        await read_until(session, b"ready")
        await there.engine.restart(there.wanted.key, there.process.id, epoch=1)
        assert [chunk async for chunk in session.output()] == []
        assert await session.exit_code() == 137


async def test_a_command_ends_when_the_supervisor_is_killed(start: Start):
    there = await running(await start(NOTHING))
    async with there.opened("sh", "-c", "echo $$; sleep 1000 & wait") as session:
        pid = int(await anext(session.output()))
        os.kill(left_by(there.bench, there.wanted).supervisor_pid, signal.SIGKILL)
        await ended(pid)


async def test_a_command_does_not_hold_up_the_end_of_its_process(start: Start):
    there = await running(await start(NOTHING))
    async with there.opened("sh", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 1; done") as session:
        await read_until(session, b"ready")
        await there.engine.retire(there.wanted.key, keep=0, epoch=1)
        await until(there.engine, lambda seen: not seen)
        assert await session.exit_code() == 137


async def test_who_writes_to_a_command_that_has_ended_is_not_held_up(start: Start):
    there = await running(await start(NOTHING))
    async with there.opened("sh", "-c", "read line") as session:
        for _ in range(20):
            await session.write(b"x" * 100_000 + b"\n")
        assert await session.exit_code() == 0


async def test_a_command_waits_for_who_reads_it_and_its_supervisor_does_not(start: Start):
    there = await running(await start(NOTHING))
    async with there.opened("sh", "-c", "yes | head -c 3000000; echo") as session:
        assert (await there.said("echo", "meanwhile")) == [b"meanwhile"]
        assert sum([len(chunk) async for chunk in session.output()]) == 3_000_001


async def test_many_commands_at_once_get_what_is_theirs(start: Start):
    there = await running(await start(EVERYTHING))
    said = await asyncio.gather(*(there.said("echo", str(number)) for number in range(30)))
    assert said == [[b"%d" % number] for number in range(30)]


# --- what is left behind ---


async def test_nothing_of_a_command_is_logged_and_no_file_of_the_rack_is_open_in_it(start: Start):
    there = await running(await start(NOTHING))
    assert await there.said("sh", "-c", "echo secret; ls /proc/$$/fd") == [b"secret", b"0", b"1", b"2"]
    files = [path for path in there.bench.data.rglob("*") if path.is_file()]
    assert not [path for path in files if b"secret" in path.read_bytes()]


async def test_who_sees_to_a_command_holds_nothing_of_the_supervisor_open(start: Start):
    there = await running(await start(NOTHING))
    async with there.opened("sh", "-c", "echo $PPID; cat") as session:
        beside = int(await anext(session.output()))
        # Its process, its supervisor, its client. The command may have spoken before the rest was closed.
        await asyncio.to_thread(wait_until_open, beside, ["anon_inode", "anon_inode", "socket"])


def wait_until_open(pid: int, wanted: list[str]) -> None:
    """Wait until a process has nothing open beyond its three streams and these."""
    deadline = time.monotonic() + 10
    while (kinds := opened_by(pid)) != wanted:
        assert time.monotonic() < deadline, kinds
        time.sleep(0.01)


def opened_by(pid: int) -> list[str]:
    names = [name for name in os.listdir(f"/proc/{pid}/fd") if int(name) > 2]
    return sorted(os.readlink(f"/proc/{pid}/fd/{name}").split(":")[0] for name in names)


# --- refusals ---


async def test_no_command_runs_beside_a_process_that_pauses_between_starts(start: Start):
    engine = await (bench := await start(NOTHING)).start()
    wanted = replace(formation(), command="exit 1")
    await engine.ensure(wanted, 1, epoch=1)
    seen = await until(engine, lambda seen: processes(seen, wanted)[0].exits >= 4)
    there = Running(bench, engine, wanted, processes(seen, wanted)[0])
    assert there.process.health is Health.FAILED
    with pytest.raises(Refused, match="does not run now"):
        await there.said("true")


async def test_a_process_without_a_supervisor_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound):
        async with sessions.opened(tmp_path, Execution(("true",))):
            pass


@pytest.mark.parametrize("words", [(), ("a\0b",), ("x" * 100_000,)])
async def test_words_that_cannot_be_a_command_are_refused(tmp_path: Path, words: tuple[str, ...]):
    with pytest.raises(InvalidInput):
        async with sessions.opened(tmp_path, Execution(words)):
            pass


@contextlib.contextmanager
def supervised(directory: Path, *answers: bytes) -> Iterator[None]:
    """Answer in the place of a supervisor, one line for each that comes; after the last, hang up."""
    with socket.socket(socket.AF_UNIX) as listener:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        listener.bind(f"/proc/self/fd/{opened}/control")
        os.close(opened)
        listener.listen()

        def answer() -> None:
            connection = listener.accept()[0]
            with connection, connection.makefile("rb") as lines:
                for each in answers:
                    lines.readline()
                    connection.sendall(each)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join(10)


async def test_a_supervisor_of_an_earlier_version_is_asked_for_nothing_that_it_does_not_know(tmp_path: Path):
    """This is what one of protocol 1 answers; it would pass over a command that it does not know."""
    status = json.dumps({"protocol": 1, "id": "0123456789", "phase": "running", "pid": 2}).encode() + b"\n"
    with supervised(tmp_path, status), pytest.raises(Unsupported) as refused:
        async with sessions.opened(tmp_path, Execution(("true",))):
            pass
    assert "restart" in refused.value.hint


async def test_a_supervisor_that_cannot_start_a_command_says_why(tmp_path: Path):
    status = json.dumps({"protocol": 2, "phase": "running"}).encode() + b"\n"
    with (
        supervised(tmp_path, status, b'{"problem": "no memory"}\n'),
        pytest.raises(EngineUnavailable, match="no memory"),
    ):
        async with sessions.opened(tmp_path, Execution(("true",))):
            pass


def below(there: Running) -> set[int]:
    """Return every process below the supervisor that has not ended."""
    found, left = set(), [left_by(there.bench, there.wanted).supervisor_pid]
    while left:
        new = children(left.pop())
        found |= new
        left += new
    return {pid for pid in found if child.start_ticks(pid) and is_alive(pid)}


def children(pid: int) -> set[int]:
    try:
        return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()
