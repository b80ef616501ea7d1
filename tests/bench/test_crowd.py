"""The load that never retries: its schedule, and that it counts every way in which a request can fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench import crowd
from bench.crowd import Schedule

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
AT_ONCE = Schedule(rate=10_000, seconds=0.001, connections=2)


@asynccontextmanager
async def server(*parts: bytes, closes: bool = False) -> AsyncIterator[int]:
    """Answer requests with these bytes in turn, the last of them ever after."""
    left = list(parts)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _read_request(reader):
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            if closes:
                break
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def _read_request(reader: asyncio.StreamReader) -> bool:
    try:
        await reader.readuntil(b"\r\n\r\n")
    except (EOFError, OSError):
        return False
    return True


def test_requests_are_due_at_the_rate_and_spread_over_the_connections():
    schedule = Schedule(rate=4, seconds=2, connections=3)
    assert schedule.dues(0) == [0, 0.75, 1.5]
    assert sorted(due for number in range(3) for due in schedule.dues(number)) == [n / 4 for n in range(8)]


async def test_every_request_is_sent_and_every_good_answer_has_a_latency():
    async with server(GOOD) as port:
        seen = await crowd.visit(("127.0.0.1", port), "h", AT_ONCE)
    assert (seen.sent, len(seen.latencies_ms), dict(seen.failures)) == (10, 10, {})
    assert dict(seen.bodies) == {"ok\n": 10}


async def test_a_status_other_than_200_is_a_failure():
    async with server(GOOD, GOOD.replace(b"200 OK", b"502 Bad Gateway"), GOOD) as port:
        seen = await crowd.visit(("127.0.0.1", port), "h", AT_ONCE)
    assert (seen.sent, len(seen.latencies_ms), dict(seen.failures)) == (10, 9, {"status 502": 1})


async def test_a_connection_that_ends_instead_of_an_answer_is_a_failure_and_is_not_tried_again():
    async with server(b"", closes=True) as port:
        seen = await crowd.visit(("127.0.0.1", port), "h", AT_ONCE)
    assert (seen.sent, len(seen.latencies_ms), sum(seen.failures.values())) == (10, 0, 10)


async def test_a_kept_connection_that_the_server_closes_costs_the_request_that_finds_out():
    schedule = Schedule(rate=10_000, seconds=0.0002, connections=1)
    async with server(GOOD, closes=True) as port:
        seen = await crowd.visit(("127.0.0.1", port), "h", schedule)
    assert (seen.sent, len(seen.latencies_ms), sum(seen.failures.values())) == (2, 1, 1)


async def test_a_body_that_is_cut_off_is_a_failure():
    async with server(GOOD[:-1], closes=True) as port:
        seen = await crowd.visit(("127.0.0.1", port), "h", AT_ONCE)
    assert dict(seen.failures) == {"IncompleteReadError": 10}


async def test_an_answer_without_a_length_is_a_failure():
    async with server(b"HTTP/1.1 200 OK\r\n\r\nok\n") as port:
        seen = await crowd.visit(("127.0.0.1", port), "h", AT_ONCE)
    assert dict(seen.failures) == {"ValueError": 10}


async def test_latency_counts_from_when_the_request_was_due():
    """Both are due at once on one connection: the second one's includes that it waited for the first."""
    schedule = Schedule(rate=1_000_000, seconds=0.000002, connections=1)
    async with server(GOOD) as port:
        first, second = (await crowd.visit(("127.0.0.1", port), "h", schedule)).latencies_ms
    assert second > first
