"""The contract of single processes, sentence by sentence, on every engine that can run them here."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.environment import Environment
from sternway.core.errors import EngineUnavailable, NotFound, StaleEpoch
from sternway.core.formation import Health
from sternway.ports import Execution, Processes, TerminalSize
from tests.engines.bench import APP, FOREVER, healthy
from tests.engines.single_bench import (
    Ran,
    SingleBench,
    SingleProcessBench,
    one_offs_until,
    run,
)


@pytest.fixture(params=["process"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SingleBench]:
    bench: SingleBench = SingleProcessBench(tmp_path / "data")
    yield bench
    await bench.clear()


async def started(bench: SingleBench) -> tuple[Processes, str]:
    """Return the single processes of an engine, and the id of one that runs."""
    engine, processes = await bench.start()
    wanted = replace(bench.formation(FOREVER), environment=Environment({"COLOR": "blue"}))
    await engine.ensure(wanted, 1, epoch=1)
    (process,) = await healthy(engine, wanted)
    return processes, process.id


# --- commands ---


async def test_a_command_prints_and_its_exit_code_is_carried(bench: SingleBench):
    processes, id_ = await started(bench)
    assert await run(processes, id_, "sh", "-c", "echo out; echo err >&2; exit 7") == Ran(7, b"out\nerr\n")


async def test_a_command_has_the_environment_of_its_process(bench: SingleBench):
    processes, id_ = await started(bench)
    assert await run(processes, id_, "sh", "-c", "echo $COLOR") == Ran(0, b"blue\n")


async def test_a_command_reads_what_it_is_given_until_its_end(bench: SingleBench):
    processes, id_ = await started(bench)
    much = b"0123456789" * 100_000
    async with processes.execute(APP, id_, Execution(("cat",))) as session:
        writing = asyncio.create_task(session.write(much))
        read = bytearray()
        async for chunk in session.output():
            read += chunk
            if len(read) == len(much):
                await session.end_input()
        await writing
        assert (await session.exit_code(), bytes(read)) == (0, much)


async def test_no_shell_reads_the_words_of_a_command(bench: SingleBench):
    processes, id_ = await started(bench)
    words = ("echo", "$HOME", "a  b", "'", ";", "*")
    assert await run(processes, id_, *words) == Ran(0, b"$HOME a  b ' ; *\n")


async def test_a_command_that_is_not_there_is_said_to_be_missing(bench: SingleBench):
    processes, id_ = await started(bench)
    missing = await run(processes, id_, "no-such-command")
    assert missing.code == 127
    assert b"no-such-command" in missing.printed


async def test_a_signal_shows_as_128_and_its_number(bench: SingleBench):
    processes, id_ = await started(bench)
    assert (await run(processes, id_, "sh", "-c", "kill -9 $$")).code == 137


async def test_a_terminal_has_the_size_that_was_asked_for_and_echoes(bench: SingleBench):
    processes, id_ = await started(bench)
    wanted = Execution(
        ("sh", "-c", "stty size; read line; echo got $line"), has_terminal=True, size=TerminalSize(33, 77)
    )
    async with asyncio.timeout(20), processes.execute(APP, id_, wanted) as session:
        await session.write(b"it\n")
        printed = b"".join([chunk async for chunk in session.output()])
        assert await session.exit_code() == 0
    assert sorted(printed.split(b"\r\n")) == [b"", b"33 77", b"got it", b"it"]


async def test_a_command_that_is_left_is_killed(bench: SingleBench):
    processes, id_ = await started(bench)
    async with processes.execute(APP, id_, Execution(("sh", "-c", "echo $$; sleep 1000 & wait"))) as session:
        pid = int(await anext(session.output()))
    gone = await run(processes, id_, "sh", "-c", f"while kill -0 {pid} 2>/dev/null; do sleep 0.05; done; echo gone")
    assert gone.printed == b"gone\n"


async def test_two_commands_run_beside_each_other(bench: SingleBench):
    processes, id_ = await started(bench)
    async with processes.execute(APP, id_, Execution(("cat",))) as one:
        assert await run(processes, id_, "echo", "two") == Ran(0, b"two\n")
        await one.write(b"one")
        assert await anext(one.output()) == b"one"


async def test_a_process_that_is_not_there_or_of_another_app_is_not_found(bench: SingleBench):
    processes, id_ = await started(bench)
    for app, wanted in ((APP, "0000000000"), ("blog", id_)):
        with pytest.raises(NotFound):
            await run(processes, wanted, "true", app=app)
        with pytest.raises(NotFound):
            await processes.delete_files(app, wanted, ["/tmp/x"])


# --- files ---


def packed(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            member.mode = 0o755
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


async def chunked(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


async def unpacked(chunks: AsyncIterator[bytes]) -> dict[str, bytes]:
    content = b"".join([chunk async for chunk in chunks])
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {m.name: file.read() for m in tar if (file := tar.extractfile(m))}


async def test_files_come_back_as_they_were_sent(bench: SingleBench):
    processes, id_ = await started(bench)
    sent = {"a/b": b"\0\xff" * 5000, "a/c d": b"c"}
    await processes.write_files(APP, id_, "/tmp", chunked(packed(sent)))
    assert await unpacked(processes.read_files(APP, id_, "/tmp/a")) == sent
    assert await unpacked(processes.read_files(APP, id_, "/tmp/a/c d")) == {"c d": b"c"}
    assert await run(processes, id_, "cat", "/tmp/a/c d") == Ran(0, b"c")


async def test_directories_that_are_there_already_are_passed_through(bench: SingleBench):
    processes, id_ = await started(bench)
    await processes.write_files(APP, id_, "/", chunked(packed({"./": b"", "tmp/": b"", "tmp/x": b"x"})))
    assert await run(processes, id_, "cat", "/tmp/x") == Ran(0, b"x")


async def test_a_path_that_is_not_there_is_not_found(bench: SingleBench):
    processes, id_ = await started(bench)
    with pytest.raises(NotFound, match="/tmp/nothing"):
        await anext(processes.read_files(APP, id_, "/tmp/nothing"))
    with pytest.raises(NotFound, match="/tmp/nothing"):
        await processes.write_files(APP, id_, "/tmp/nothing", chunked(packed({"a": b""})))


async def test_files_are_removed_and_those_that_are_not_there_are_no_error(bench: SingleBench):
    processes, id_ = await started(bench)
    await processes.write_files(APP, id_, "/tmp", chunked(packed({"there/a/b": b"", "there/-c": b"", "there/d": b""})))
    await processes.delete_files(APP, id_, ["/tmp/there/a", "/tmp/there/-c", "/tmp/nothing"])
    assert (await run(processes, id_, "ls", "/tmp/there")).printed == b"d\n"


# --- processes that run once ---


async def test_a_process_that_runs_once_is_listed_and_is_of_no_formation(bench: SingleBench):
    engine, processes = await bench.start()
    launched = await processes.launch(bench.formation(FOREVER), epoch=1)
    (seen,) = await one_offs_until(engine, processes, lambda seen: seen[0].state.health is Health.HEALTHY)
    assert (seen.state.id, seen.service, seen.release_id) == (launched.state.id, "worker", "RAAAAAAAAAA")
    assert (seen.state.endpoint, seen.state.command, seen.exit_code) == (None, FOREVER, None)
    assert await engine.observe(APP) == ()
    assert await processes.one_offs("blog") == []
    assert await run(processes, seen.state.id, "echo", "inside") == Ran(0, b"inside\n")


@pytest.mark.parametrize(("code", "health"), [(0, Health.STOPPING), (3, Health.FAILED)])
async def test_a_process_that_runs_once_ends_once_and_is_remembered(bench: SingleBench, code: int, health: Health):
    engine, processes = await bench.start()
    await processes.launch(bench.formation(f"echo so it ends; exit {code}"), epoch=1)
    (ended,) = await one_offs_until(engine, processes, lambda seen: seen[0].exit_code is not None)
    assert (ended.exit_code, ended.state.health) == (code, health)
    assert f"{code}" in ended.state.detail
    _, processes = await bench.start()
    (remembered,) = await processes.one_offs(APP)
    assert (remembered.state.id, remembered.exit_code) == (ended.state.id, code)


async def test_a_start_that_cannot_work_shows_as_failed_with_the_reason(bench: SingleBench):
    engine, processes = await bench.start()
    await processes.launch(bench.formation("no-such-command"), epoch=1)
    (failed,) = await one_offs_until(engine, processes, lambda seen: seen[0].state.health is Health.FAILED)
    assert "no-such-command" in failed.state.detail


async def test_processes_that_run_once_outlive_the_rack_and_can_be_stopped(bench: SingleBench):
    engine, processes = await bench.start()
    launched = [await processes.launch(bench.formation(FOREVER), epoch=1) for _ in range(2)]
    engine, processes = await bench.start()
    seen = await one_offs_until(engine, processes, lambda seen: all(s.state.health is Health.HEALTHY for s in seen))
    assert [each.state.id for each in seen] == [each.state.id for each in launched]
    assert await engine.observe(APP) == ()
    await processes.stop(APP, seen[0].state.id, epoch=1)
    await processes.stop(APP, seen[0].state.id, epoch=1)
    (left,) = await one_offs_until(engine, processes, lambda seen: len(seen) == 1)
    assert left.state.id == seen[1].state.id


async def test_what_runs_once_is_found_by_its_fingerprint_by_the_next_rack_and_after_its_end(bench: SingleBench):
    _, processes = await bench.start()
    wanted = bench.formation("true")
    wanted = replace(wanted, key=replace(wanted.key, fingerprint="a mark of its own"))
    assert (await processes.launch(wanted, epoch=1)).fingerprint == "a mark of its own"
    engine, processes = await bench.start()
    (ended,) = await one_offs_until(engine, processes, lambda seen: seen[0].exit_code is not None)
    assert ended.fingerprint == "a mark of its own"


async def test_only_what_runs_once_is_stopped_as_such(bench: SingleBench):
    processes, id_ = await started(bench)
    for wanted in (id_, "0000000000"):
        with pytest.raises(NotFound):
            await processes.stop(APP, wanted, epoch=1)


async def test_an_older_control_plane_starts_and_stops_nothing(bench: SingleBench):
    _, processes = await bench.start()
    launched = await processes.launch(bench.formation(FOREVER), epoch=2)
    with pytest.raises(StaleEpoch):
        await processes.launch(bench.formation(FOREVER), epoch=1)
    with pytest.raises(StaleEpoch):
        await processes.stop(APP, launched.state.id, epoch=1)


# --- connections ---


@pytest.mark.parametrize("host", [f"web.{APP}", f"web.{APP}.internal.localhost"])
async def test_a_service_is_connected_to_by_name(bench: SingleBench, host: str):
    engine, processes = await bench.start()
    await engine.ensure(bench.answering(), 1, epoch=1)
    await healthy(engine, bench.answering())
    async with asyncio.timeout(20), processes.connect(host, 3000) as connection:
        await connection.write(b"hello ")
        await connection.write(b"there")
        await connection.end_input()
        await connection.end_input()
        assert b"".join([chunk async for chunk in connection.output()]) == b"HELLO THERE"
        await connection.write(b"nobody reads this")


async def test_a_name_that_says_nothing_is_not_found(bench: SingleBench):
    _, processes = await bench.start()
    for host in ("web.nothing.internal.localhost", "no host at all"):
        with pytest.raises(NotFound):
            async with processes.connect(host, 80):
                pass


async def test_nobody_who_answers_is_no_answer(bench: SingleBench):
    _, processes = await bench.start()
    with pytest.raises(EngineUnavailable):
        async with processes.connect("127.0.0.1", 1):
            pass


# --- usage ---


async def test_running_processes_use_memory_and_processor_time(bench: SingleBench):
    engine, processes = await bench.start()
    wanted = bench.formation("while :; do :; done")
    await engine.ensure(wanted, 1, epoch=1)
    (busy,) = await healthy(engine, wanted)
    used: dict[str, float] = {}
    async with asyncio.timeout(20):
        while not used.get(busy.id):
            used = {id_: each.cpu for id_, each in (await processes.usage(APP)).items() if each.memory_mib > 0}
            await run(processes, busy.id, "sleep", "0.5")
    assert used.keys() == {busy.id}
    assert 0 < used[busy.id] < 2
    assert await processes.usage("blog") == {}
