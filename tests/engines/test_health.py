import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import pytest

from sternway.core.formation import Health, HealthCheck
from sternway.engines.health import Watch, ask
from tests.engines.bench import WallClock

CHECK = HealthCheck(path="/up", timeout_s=0.2, interval_s=5.0)


@asynccontextmanager
async def answering(answer: bytes, port: int = 0) -> AsyncIterator[str]:
    """Listen, and give everybody this answer; nothing means to leave them waiting."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline() and answer:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*served)


@asynccontextmanager
async def listening(serve: Callable[..., Awaitable[None] | None]) -> AsyncIterator[str]:
    """Listen, and have each connection served like this."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe rest never comes", ""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "GET /up answered 404"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "GET /up answered 503"),
        (b"HTTP/1.0 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 200\n\n", ""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 500 Broken\r\n\r\n", "GET /up answered 500"),
        (b"HTTP/1.1 200 " + b"x" * 100_000, "no proper answer: "),
        (b"HTTP/2 200 OK\r\n\r\n", "no proper answer: "),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "no proper answer: "),
        (b"SSH-2.0\r\n", "no proper answer: b'SSH-2.0"),
        (b"\0", "no proper answer: "),
        (b"", "no answer within 0.2 s"),
    ],
)
async def test_a_probe_judges_by_the_status(answer: bytes, wrong: str):
    async with answering(answer) as endpoint:
        said = await ask(endpoint, CHECK)
    assert said == wrong or (said.startswith(wrong) and wrong.startswith("no proper answer"))


async def test_who_hangs_up_without_a_word_is_no_proper_answer():
    async with listening(lambda _, writer: writer.close()) as endpoint:
        assert (await ask(endpoint, CHECK)).startswith("no proper answer")


async def test_a_probe_is_one_connection_with_one_request():
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    async with listening(serve) as endpoint:
        assert await ask(endpoint, HealthCheck(path="/up?a=b&c=%20")) == ""
    [request] = asked
    assert request.startswith(b"GET /up?a=b&c=%20 HTTP/1.1\r\n")
    assert f"\r\nHost: {endpoint}\r\n".encode() in request


async def test_a_path_cannot_end_its_line():
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    async with listening(serve) as endpoint:
        assert await ask(endpoint, HealthCheck(path="/ü b\r\nX: y")) == ""
    assert asked == [b"GET /%C3%BC%20b%0D%0AX:%20y HTTP/1.1\r\n"]


async def test_without_a_path_a_connection_is_enough():
    async with answering(b"") as endpoint:
        assert await ask(endpoint, HealthCheck()) == ""


async def test_who_does_not_listen_yet_is_asked_again_and_found_once_it_does():
    async with answering(b"") as endpoint:
        pass
    assert [await ask(endpoint, CHECK) for _ in range(3)] == [f"nothing listens at {endpoint} yet"] * 3
    async with answering(b"", int(endpoint.rpartition(":")[2])):
        assert await ask(endpoint, HealthCheck()) == ""


async def test_a_probe_that_is_cancelled_leaves_no_connection():
    asked, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()
        await reader.read()
        gone.set()
        writer.close()

    async with listening(serve) as endpoint:
        probing = asyncio.create_task(ask(endpoint, HealthCheck(path="/", timeout_s=10)))
        async with asyncio.timeout(5):
            await asked.wait()
            probing.cancel()
            await asyncio.wait({probing})
            await gone.wait()
    assert probing.cancelled()


class FastClock(WallClock):
    """Time that passes only by sleeping, and at once."""

    def __init__(self) -> None:
        self.at = 0.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.naps.append(seconds)
        await asyncio.sleep(0)


async def told(answers: Iterable[str], *, was_healthy: bool = False) -> tuple[list[Health], FastClock]:
    """Watch an endpoint that gives these answers, and return what was told, without repetitions."""
    clock, seen, left = FastClock(), list[Health](), iter(answers)

    async def probe(endpoint: str, check: HealthCheck) -> str:
        answer = next(left, None)
        if answer is None:
            raise asyncio.CancelledError
        return answer

    def tell(health: Health, detail: str) -> None:
        if [health] != seen[-1:]:
            seen.append(health)

    with pytest.raises(asyncio.CancelledError):
        await Watch(CHECK, "here", probe, clock, tell).keep(was_healthy=was_healthy)
    return seen, clock


async def test_three_failures_in_a_row_make_unhealthy_and_one_success_healthy_again():
    seen, _ = await told(["no", "", "no", "no", "", "no", "no", "no", "no", ""])
    assert seen == [Health.STARTING, Health.HEALTHY, Health.UNHEALTHY, Health.HEALTHY]


async def test_one_that_was_healthy_is_not_starting_again():
    seen, _ = await told(["no", "no", "", "no"], was_healthy=True)
    assert seen == [Health.HEALTHY]


async def test_probes_come_quickly_at_first_and_ever_more_seldom():
    _, clock = await told(["no"] * 500 + [""])
    starting = clock.naps[:500]
    assert starting[:5] == [0.002] * 5
    assert starting == sorted(starting)
    assert starting[-1] == 0.25
    assert clock.naps[500:] == [5.0]


async def test_without_an_endpoint_it_settles():
    clock, seen = FastClock(), list[Health]()

    async def probe(endpoint: str, check: HealthCheck) -> str:
        raise AssertionError

    await Watch(HealthCheck(settle_s=3), None, probe, clock, lambda health, _: seen.append(health)).keep()
    assert (seen, clock.naps) == ([Health.STARTING, Health.HEALTHY], [3])
