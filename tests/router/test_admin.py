import asyncio
from contextlib import asynccontextmanager

import pytest

from sternway.core.errors import RouterUnavailable
from sternway.router.caddy import admin

SOCKET = "admin.sock"
ROWS = (
    b'[{"address":"127.0.0.1:1","num_requests":2},{"address":"{x}","num_requests":1},{"address":"/s","num_requests":3}]'
)


@asynccontextmanager
async def answering(directory, answer):
    """Give everybody this answer; return what was asked."""
    asked, served = [], []

    async def serve(reader, writer):
        served.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.partition(b"Content-Length: ")[2].partition(b"\r")[0]
        asked.append(head + await reader.readexactly(int(length or 0)))
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(serve, directory / SOCKET):
        yield asked
        await asyncio.gather(*(task for task in served if task))


async def test_requests_in_flight_are_counted_by_what_was_dialled(tmp_path):
    async with answering(tmp_path, b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + ROWS):
        assert await admin.in_flight(tmp_path, SOCKET) == {"127.0.0.1:1": 2, "unix//s": 3}


async def test_a_configuration_is_posted_as_json(tmp_path):
    async with answering(tmp_path, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n") as asked:
        await admin.load(tmp_path, SOCKET, {"apps": {}})
    assert asked[0].startswith(b"POST /load HTTP/1.0\r\n")
    assert asked[0].endswith(b'\r\n\r\n{"apps": {}}')


async def test_what_is_refused_is_said_in_the_words_of_caddy(tmp_path):
    async with answering(tmp_path, b'HTTP/1.0 400 Bad Request\r\n\r\n{"error":"no such module"}\n'):
        with pytest.raises(RouterUnavailable, match="no such module"):
            await admin.load(tmp_path, SOCKET, {})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\nContent-",
        b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n[]",
        b"HTTP/1.0 200 OK\r\n\r\n[{",
        b'HTTP/1.0 200 OK\r\n\r\n{"error": "no list"}',
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"SSH-2.0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_torn_or_strange_is_no_answer(tmp_path, answer):
    async with answering(tmp_path, answer):
        with pytest.raises(RouterUnavailable, match="does not answer"):
            await admin.in_flight(tmp_path, SOCKET)


async def test_who_is_silent_is_waited_for_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(admin, "QUESTION_TIMEOUT_S", 0.05)

    served = []

    async def wait(reader, writer):
        served.append(asyncio.current_task())
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(wait, tmp_path / SOCKET):
        with pytest.raises(RouterUnavailable, match="does not answer"):
            await admin.configuration(tmp_path, SOCKET)
        await asyncio.gather(*(task for task in served if task))


async def test_who_is_not_there_does_not_answer(tmp_path):
    with pytest.raises(RouterUnavailable, match="does not answer"):
        await admin.configuration(tmp_path, SOCKET)
