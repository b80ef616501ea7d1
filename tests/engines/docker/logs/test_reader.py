import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from aiodocker.containers import DockerContainer

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker import labels
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.logs import reader as docker_logs
from sternway.engines.docker.logs.reader import DockerLogs
from sternway.ports import LogLine, LogQuery, Logs
from tests.engines.bench import WallClock
from tests.engines.docker.cut import Cut, cut

ALL = LogQuery(follow=False)
COUNTING = "n=0; trap 'n=$((n+1)); echo $n' USR1; echo begin; while :; do sleep 0.02; done"
"""Says how often it was signalled."""
PATIENCE_S = 30


@dataclass
class Stage:
    """Containers of one app of a rack that no other test has."""

    connection: Connection
    rack: str = field(default_factory=lambda: uuid.uuid4().hex[: labels.RACK_LENGTH])
    made: list[DockerContainer] = field(default_factory=list)

    async def start(self, script: str, *, service: str = "web", app: str = "shop", **config: Any) -> DockerContainer:
        labelled = {labels.RACK: self.rack, labels.APP: app, labels.SERVICE: service}
        settings: dict[str, Any] = {
            "Image": "sternway-busybox",
            "Cmd": ["sh", "-c", script],
            "Labels": labelled,
            "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}},
        }
        container = await self.connection.docker.containers.create({**settings, **config})
        self.made.append(container)
        await container.start()
        return container

    async def ended(self, script: str, **config: Any) -> DockerContainer:
        """Start a container and wait until it has printed all that it will."""
        container = await self.start(script, **config)
        await container.wait(timeout=PATIENCE_S)
        return container

    def logs(self, connection: Connection | None = None) -> Logs:
        return DockerLogs(connection or self.connection, self.rack, clock=WallClock())

    async def lines(self, query: LogQuery = ALL, app: str = "shop") -> list[LogLine]:
        return [line async for line in self.logs().read(app, query)]

    async def texts(self, query: LogQuery = ALL) -> list[bytes]:
        return [line.text for line in await self.lines(query)]

    @contextlib.asynccontextmanager
    async def following(self, connection: Connection | None = None, **query: Any) -> AsyncIterator["Reader"]:
        found = self.logs(connection).read("shop", LogQuery(**query))
        async with contextlib.aclosing(cast(AsyncGenerator[LogLine, None], found)) as lines:
            yield Reader(lines)


@dataclass
class Reader:
    found: AsyncGenerator[LogLine, None]

    async def next(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return (await anext(self.found)).text


def process_id(container: DockerContainer) -> str:
    return str(container.id)[: docker_logs.ID_DIGITS]


@pytest.fixture
async def stage(docker_host: str) -> AsyncIterator[Stage]:
    connection = Connection(docker_host)
    async with connection.opened():
        stage = Stage(connection)
        yield stage
        await asyncio.gather(*(container.delete(force=True) for container in stage.made), return_exceptions=True)


@pytest.fixture
async def away(docker_host: str, tmp_path: Path) -> AsyncIterator[Cut]:
    async with cut(docker_host, tmp_path / "engine.sock") as there:
        yield there


async def test_lines_of_all_processes_come_by_time_from_both_outputs(stage: Stage):
    first = await stage.ended("echo one; sleep 0.4; echo four >&2")
    second = await stage.start("echo two; sleep 0.1; echo three", service="worker")
    await second.wait()
    lines = await stage.lines()
    assert [line.text for line in lines] == [b"one", b"four", b"two", b"three"]
    assert lines == sorted(lines, key=lambda line: line.at)
    assert lines[0].source == f"service/web/{process_id(first)}"
    assert lines[3].source == f"service/worker/{process_id(second)}"


async def test_lines_of_processes_that_ran_side_by_side_are_merged(stage: Stage):
    one = await stage.start("for i in 1 2 3 4 5 6; do echo a$i; sleep 0.05; done")
    two = await stage.start("for i in 1 2 3 4 5 6; do echo b$i; sleep 0.05; done", service="worker")
    await asyncio.gather(one.wait(), two.wait())
    lines = await stage.lines()
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    for letter in "ab":
        own = [line.text.decode() for line in lines if line.text.decode().startswith(letter)]
        assert own == [f"{letter}{number}" for number in range(1, 7)]


async def test_a_tail_is_the_newest_lines_of_all(stage: Stage):
    await stage.ended("for i in 1 2 3 4; do echo $i; done")
    await stage.ended("for i in 5 6; do echo $i; done", service="worker")
    assert await stage.texts(LogQuery(tail=3, follow=False)) == [b"4", b"5", b"6"]
    assert await stage.texts(LogQuery(tail=0, follow=False)) == []
    assert len(await stage.texts(LogQuery(tail=100, follow=False))) == 6


async def test_lines_can_be_narrowed_to_a_moment_a_service_and_a_process(stage: Stage):
    first = await stage.ended("echo old; sleep 0.05; echo new")
    await stage.ended("echo worker", service="worker")
    _, new, _ = await stage.lines()
    assert await stage.texts(LogQuery(since=new.at, follow=False)) == [b"new", b"worker"]
    assert await stage.texts(LogQuery(service="worker", follow=False)) == [b"worker"]
    assert await stage.texts(LogQuery(process=process_id(first), follow=False)) == [b"old", b"new"]
    assert await stage.texts(LogQuery(process="0" * 12, follow=False)) == []


async def test_what_belongs_to_another_rack_or_app_is_not_there(stage: Stage):
    await stage.ended("echo here")
    await stage.ended("echo app", app="other")
    await Stage(stage.connection, made=stage.made).ended("echo rack")
    assert await stage.texts() == [b"here"]
    assert [line.text for line in await stage.lines(app="none")] == []


async def test_texts_come_as_they_were(stage: Stage):
    await stage.ended(r"printf '  caf\303\251 \033[1m\t\001\r\n\n 2026-01-01T00:00:00Z \nno end'")
    assert await stage.texts() == ["  café \033[1m\t\x01\r".encode(), b"", b" 2026-01-01T00:00:00Z ", b"no end"]


@pytest.mark.parametrize("has_terminal", [False, True])
async def test_a_long_line_is_one_line(stage: Stage, has_terminal: bool):
    await stage.ended("head -c 40000 /dev/zero | tr '\\0' x; echo; echo short; printf end", Tty=has_terminal)
    assert await stage.texts() == [b"x" * 40000, b"short", b"end"]


async def test_a_process_that_is_removed_takes_its_lines_along(stage: Stage):
    gone = await stage.ended("echo gone")
    await stage.ended("echo kept")
    assert await stage.texts() == [b"gone", b"kept"]
    await gone.delete(force=True)
    assert await stage.texts() == [b"kept"]


async def test_new_lines_and_new_processes_are_followed(stage: Stage):
    first = await stage.start(COUNTING)
    async with stage.following() as reader:
        assert await reader.next() == b"begin"
        for number in (b"1", b"2"):
            await first.kill(signal="USR1")
            assert await reader.next() == number
        await stage.ended("echo second", service="worker")
        assert await reader.next() == b"second"


async def test_following_a_service_leaves_the_others_out(stage: Stage):
    await stage.start(COUNTING)
    async with stage.following(service="worker") as reader:
        reading = asyncio.create_task(reader.next())
        await stage.ended("echo web")
        await stage.ended("echo worker", service="worker")
        assert await reading == b"worker"


async def test_following_after_a_tail_goes_on_where_the_tail_ended(stage: Stage):
    await stage.ended("echo other; echo newest", service="worker")
    container = await stage.start(COUNTING)
    async with stage.following() as reader:
        assert [await reader.next() for _ in range(3)] == [b"other", b"newest", b"begin"]
    async with stage.following(tail=2) as reader:
        assert [await reader.next() for _ in range(2)] == [b"newest", b"begin"]
        await container.kill(signal="USR1")
        assert await reader.next() == b"1"


async def test_following_without_a_tail_leaves_out_what_was_printed_before(stage: Stage):
    container = await stage.start(COUNTING)
    async with stage.following() as reader:
        assert await reader.next() == b"begin"
    async with stage.following(tail=0) as reader:
        reading = asyncio.create_task(reader.next())
        while not reading.done():
            await container.kill(signal="USR1")
            await asyncio.wait({reading}, timeout=0.2)
        assert (await reading).isdigit()


async def test_a_process_that_is_restarted_is_followed_on(stage: Stage):
    container = await stage.start(COUNTING)
    async with stage.following() as reader:
        assert await reader.next() == b"begin"
        for _ in range(2):
            await container.kill(signal="USR1")
            assert await reader.next() == b"1"
            await container.kill()
            await container.wait()
            await container.start()
            assert await reader.next() == b"begin"


async def test_a_process_that_is_removed_while_it_is_followed_is_let_go(stage: Stage):
    container = await stage.start(COUNTING)
    async with stage.following() as reader:
        assert await reader.next() == b"begin"
        await container.delete(force=True)
        await stage.ended("echo next")
        assert await reader.next() == b"next"


async def test_an_engine_that_comes_back_is_followed_on_without_a_line_twice_or_lost(
    stage: Stage, away: Cut, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(docker_logs, "RETRY_S", 0.1)
    container = await stage.start("for i in $(seq 2000); do echo $i; [ $((i%10)) = 0 ] && sleep 0.01; done")
    connection, seen = Connection(away.address), []
    async with connection.opened(), stage.following(connection) as reader:
        for _ in range(4):
            seen += [await reader.next() for _ in range(200)]
            await away.go_away()
            await away.come_back()
        await away.go_away()
        await container.wait(timeout=PATIENCE_S)
        await stage.ended("echo meanwhile", service="worker")
        await away.come_back()
        seen += [await reader.next() for _ in range(2001 - len(seen))]
    assert [text for text in seen if text.isdigit()] == [b"%d" % number for number in range(1, 2001)]
    assert seen.count(b"meanwhile") == 1


async def test_a_reader_that_leaves_ends_every_request(stage: Stage, away: Cut):
    for _ in range(3):
        await stage.start(COUNTING)
    connection = Connection(away.address)
    async with connection.opened():
        async with stage.following(connection) as reader:
            for _ in range(3):
                assert await reader.next() == b"begin"
            reading = asyncio.create_task(reader.next())
            async with asyncio.timeout(PATIENCE_S):
                await away.until_open(4)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert not connection.docker.session.connector._acquired  # type: ignore[union-attr]


async def test_an_engine_that_does_not_answer_is_an_error_at_first(stage: Stage, tmp_path: Path):
    nowhere = Connection(f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineUnavailable, match="list the containers of shop"):
        async for _ in stage.logs(nowhere).read("shop", LogQuery()):
            pass
