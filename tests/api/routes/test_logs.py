import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import Headers
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sternway.api.routes.logs import Narrowing, query_of, shown
from sternway.core.errors import InvalidInput
from sternway.ports import LogLine, LogQuery
from tests.api.server import application, serving

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
AUTHORIZATION = {"Authorization": "Basic Y29udm94OnNlY3JldA=="}


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, LogQuery(since=AT - timedelta(minutes=2))),
        ({"Since": "5s", "Follow": "false"}, LogQuery(since=AT - timedelta(seconds=5), follow=False)),
        ({"Tail": "20", "Follow": "true"}, LogQuery(since=AT - timedelta(minutes=2), tail=20)),
    ],
)
def test_options_are_read_from_the_headers(headers, query):
    assert query_of(Headers(headers), AT, Narrowing()) == query


@pytest.mark.parametrize(("name", "value"), [("Since", "yesterday"), ("Tail", "-1"), ("Tail", "x"), ("Tail", "9" * 9)])
def test_option_that_cannot_be_read_is_named(name, value):
    with pytest.raises(InvalidInput, match=f"{name}: "):
        query_of(Headers({name: value}), AT, Narrowing())


def test_prefix_is_time_and_source():
    line = LogLine(AT, "service/web/web-1", b"caf\xe9")
    assert shown(line, with_prefix=True) == b"2026-03-01T12:30:15Z service/web/web-1 caf\xe9\n"
    assert shown(line, with_prefix=False) == b"caf\xe9\n"


async def read(address: str, path: str, **headers: str) -> bytes:
    found = b""
    async with asyncio.timeout(10), connect(f"ws://{address}{path}", additional_headers=AUTHORIZATION | headers) as ws:
        while chunk := await ws.recv(decode=False):
            found += chunk
    return found


@pytest.fixture
async def address(running):
    await running.app()
    async with serving(application(running.rack)) as found:
        yield found


async def test_log_holds_what_the_rack_did_for_the_app(running, address):
    await running.deployed()
    lines = (await read(address, "/apps/shop/logs", Follow="false", Prefix="true")).decode().splitlines()
    assert lines
    assert any(line.split(" ", 2)[1].startswith("system/") for line in lines)


async def test_follower_sees_what_comes(running, address):
    build = await running.build()
    async with (
        asyncio.timeout(10),
        connect(f"ws://{address}/apps/shop/logs", additional_headers=AUTHORIZATION | {"Since": "0s"}) as follower,
    ):
        await running.promoted(build.release_id)
        assert await follower.recv(decode=False)


@pytest.mark.parametrize("headers", [{"Since": "x"}, {"Tail": "x"}])
async def test_wrong_option_is_an_error_in_the_stream(address, headers):
    assert (await read(address, "/apps/shop/logs", **headers)).startswith(b"ERROR: ")


async def test_log_of_an_unknown_app_is_an_error_in_the_stream(address):
    assert await read(address, "/apps/nope/logs") == b"ERROR: app not found: nope\n"


async def test_log_of_an_unknown_service_names_those_that_there_are(running, address):
    message = b"ERROR: service not found: shop has no nope; "
    assert await read(address, "/apps/shop/services/nope/logs") == message + b"none is active yet\n"
    await running.deployed()
    assert await read(address, "/apps/shop/services/nope/logs") == message + b"its services are web, worker\n"


async def test_log_of_a_service_that_is_gone_is_there_as_long_as_lines_are(running, address):
    await running.deployed()
    running.world.lines["shop"] = [LogLine(AT, "service/old/old-1", b"hello"), LogLine(AT, "service/web/w-1", b"other")]
    lines = await read(address, "/apps/shop/services/old/logs", Follow="false", Since="100000h")
    assert lines == b"hello\n"


async def test_rack_shows_what_it_logged_lately(running, address):
    running.rack.journal.emit(logging.makeLogRecord({"msg": "stopping", "levelname": "INFO", "levelno": 20}))
    lines = (await read(address, "/system/logs", Prefix="true", Follow="false")).decode().splitlines()
    assert any(line.split()[1] == "system/rack" and "stopping" in line for line in lines)


async def test_stream_that_is_not_there_is_a_404(address):
    with pytest.raises(InvalidStatus) as caught:
        await read(address, "/apps/shop/processes/p/none")
    assert caught.value.response.status_code == 404
    assert caught.value.response.body == b""
