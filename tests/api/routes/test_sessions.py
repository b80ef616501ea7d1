"""Commands, files and connections, over real WebSockets where there is one."""

import asyncio
import contextlib
import io
import tarfile

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sternway.ops import history, processes
from tests.api.server import PASSWORD, application, serving
from tests.api.stock import StockClient

EXEC = "/apps/shop/processes/web/exec"


@pytest.fixture
async def stock(running):
    await running.app()
    await running.deployed()
    async with serving(application(running.rack)) as address:
        yield StockClient(f"http://convox:{PASSWORD}@{address}")


@contextlib.asynccontextmanager
async def opened(stock, path, **headers):
    headers = {"Authorization": stock._headers["Authorization"], **headers}
    async with connect(f"ws://{stock.host}{path}", additional_headers=headers, proxy=None) as socket:
        yield socket


async def test_any_bytes_pass_both_ways(stock):
    content = bytes(range(1, 256)) * 1000
    assert await stock.execute(EXEC, "cat", content, Tty="false") == (0, content)


async def test_command_is_split_as_by_a_shell(running, stock):
    assert await stock.execute(EXEC, "echo 'one  two' three") == (0, b"one  two three\n")


async def test_command_may_be_any_text(stock):
    assert (await stock.execute(EXEC, "echo caf\u00e9".encode().decode("latin-1")))[1] == "caf\u00e9\n".encode()


async def test_terminal_and_its_size_are_passed_on(running, stock):
    seen = []

    async def look(stage):
        seen.append(stage.execution)
        return 0

    running.processes.programs["look"] = look
    await stock.execute(EXEC, "look", Height="24", Width="80", Entrypoint="true")
    await stock.execute(EXEC, "look", Tty="false")
    with_terminal, without = seen
    assert (with_terminal.has_terminal, with_terminal.size.height, with_terminal.size.width) == (True, 24, 80)
    assert with_terminal.by_entrypoint
    assert (without.has_terminal, without.size) == (False, None)


async def test_what_runs_is_ended_when_the_client_leaves(running, stock):
    ended = asyncio.Event()

    async def hang(stage):
        try:
            await stage.print(b"here\n")
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    running.processes.programs["hang"] = hang
    async with opened(stock, EXEC, Command="hang") as socket:
        assert await socket.recv() == "here\n"
    async with asyncio.timeout(5):
        await ended.wait()


async def test_program_that_does_not_read_makes_the_client_wait(running, stock):
    go_on = asyncio.Event()

    async def late(stage):
        await go_on.wait()
        size = 0
        while chunk := await stage.read():
            size += len(chunk)
        await stage.print(f"{size}\n".encode())
        return 0

    running.processes.programs["late"] = late
    async with opened(stock, EXEC, Command="late", Tty="false") as socket:
        sending = asyncio.create_task(_send(socket, b"x" * 65536, 400))
        done, _ = await asyncio.wait({sending}, timeout=0.5)
        assert not done, "26 MB went somewhere"
        go_on.set()
        await sending
        assert await socket.recv() == f"{65536 * 400}\n"


async def test_what_reads_nothing_is_ended_too_when_the_client_leaves(running, stock):
    ended = asyncio.Event()

    async def hang(stage):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    running.processes.programs["hang"] = hang
    async with opened(stock, EXEC, Command="hang", Tty="false") as socket:
        await _send(socket, b"x" * 1024, 100)
        socket.transport.abort()
    async with asyncio.timeout(10):
        await ended.wait()


async def _send(socket, chunk, times):
    for _ in range(times):
        await socket.send(chunk, text=True)
    await socket.send(b"")


async def test_client_that_lists_json_is_refused_with_the_error(stock):
    with pytest.raises(InvalidStatus) as refused:
        async with opened(stock, "/apps/shop/processes/none/exec", Command="echo", Accept="application/json"):
            pass
    assert refused.value.response.status_code == 404
    assert b"process not found: none" in refused.value.response.body


@pytest.mark.parametrize(("header", "value"), [("Height", "many"), ("Command", "echo 'open"), ("Command", "")])
async def test_options_that_make_no_sense_are_named(stock, header, value):
    with pytest.raises(InvalidStatus) as refused:
        async with opened(stock, EXEC, **{"Command": "echo", "Accept": "application/json", header: value}):
            pass
    assert refused.value.response.status_code == 400
    assert header.lower() in refused.value.response.body.decode().lower()


async def test_nothing_of_a_command_or_its_input_is_logged(stock, caplog):
    caplog.set_level("DEBUG", logger="sternway")
    await stock.execute(EXEC, "cat hidden-word", b"hidden-input")
    await stock.run("/apps/shop/services/web/processes", Command="run hidden-word", Environment="KEY=hidden-value")
    assert "command begins" in caplog.text
    assert "hidden" not in "".join(str(vars(record)) for record in caplog.records)


async def test_connection_carries_bytes(running, stock):
    async def shout(stage):
        while chunk := await stage.read():
            await stage.print(chunk.upper())
        return 0

    running.processes.hosts["web.shop", 3000] = shout
    async with opened(stock, "/proxy/web.shop/3000") as socket:
        await socket.send("hello")
        assert await socket.recv() == "HELLO"
        await socket.send(b"")
        assert await socket.recv() == b""


@pytest.mark.parametrize(("path", "status"), [("/proxy/nowhere/80", 404), ("/proxy/web/0", 400), ("/proxy/web/x", 400)])
async def test_connection_that_cannot_be_is_refused(stock, path, status):
    with pytest.raises(InvalidStatus) as refused:
        async with opened(stock, path, Accept="application/json"):
            pass
    assert refused.value.response.status_code == status


# --- files ---


def _tar(name, content):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


async def test_files_go_in_come_out_and_go_away(running, client):
    await running.app()
    await running.deployed()
    files = "/apps/shop/processes/web/files"
    sent = await client.post(files, content=_tar("srv/conf/a.txt", b"hello"))
    assert sent.text == "ok\n"
    answer = await client.get(files, params={"file": "/srv/conf"})
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert archive.getnames() == ["conf/a.txt"]
    assert (await client.delete(files, params={"files": "/srv/conf/a.txt,/srv/none"})).text == "ok\n"
    assert (await client.get(files, params={"file": "/srv/conf"})).status_code == 404


async def test_paths_of_files_are_absolute(running, client):
    await running.app()
    await running.deployed()
    assert (await client.get("/apps/shop/processes/web/files?file=etc")).status_code == 400
    assert (await client.delete("/apps/shop/processes/web/files?files=etc")).status_code == 400


async def test_service_of_which_nothing_runs_is_said_so(running, client):
    await running.app()
    release = await running.deployed()
    await processes.scale(running.rack, "shop", "web", 0, running.made())
    await running.until("shop", lambda there: not any(f.key.service == "web" and f.processes for f in there))
    answer = await client.get("/apps/shop/processes/web/files?file=/etc")
    assert (answer.status_code, answer.text.splitlines()[0]) == (404, "no process of web runs"), release


async def test_the_history_says_who_entered_where_and_why_and_not_with_what(running, stock):
    await stock.execute(EXEC, "echo hidden", Reason="caf\u00e9".encode().decode("latin-1"))
    entries = [entry for entry in await history.of_app(running.rack, "shop") if entry.reason]
    assert [entry.reason for entry in entries] == ["caf\u00e9"]
    assert entries[0].text.startswith("a command run in ")
    assert "hidden" not in repr(entries)


async def test_the_history_says_why_files_were_copied(running, client):
    await running.app()
    await running.deployed()
    files, why = "/apps/shop/processes/web/files", {"Reason": "look"}
    await client.post(files, content=_tar("srv/a.txt", b"hidden"), headers=why)
    await client.get(files, params={"file": "/srv/a.txt"}, headers=why)
    newest = (await history.of_app(running.rack, "shop"))[:2]
    assert [(entry.text.rpartition(" ")[0], entry.reason) for entry in newest] == [
        ("files copied from", "look"),
        ("files copied to", "look"),
    ]
