"""Single processes over a real engine: commands, files, connections, use, and those that run once."""

import asyncio
import io
import tarfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sternway.clock import SystemClock
from sternway.core.environment import Environment
from sternway.core.errors import EngineUnavailable, InvalidInput, NotFound, Refused, StaleEpoch
from sternway.core.formation import Containment, Formation, FormationKey, Health, Volume
from sternway.core.registry import Registries
from sternway.engines.docker.builds import artifacts
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.api import Api
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.inside.processes import DockerProcesses
from sternway.engines.docker.volumes import Volumes
from sternway.ports import Clock, Execution, TerminalSize
from tests.engines.bench import remove_everything

PATIENCE_S = 20.0
BASE = "sternway-busybox"


class LateClock(SystemClock):
    """A clock that can be put forward."""

    ahead = timedelta(0)

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
async def connection(docker_host: str) -> AsyncIterator[Connection]:
    opened = Connection(docker_host)
    async with opened.opened():
        yield opened


@pytest.fixture(scope="module")
def rack(docker_host: str) -> Iterator[str]:
    """The id of a rack, of which nothing is left after the tests."""
    rack = uuid.uuid4().hex[:12]
    yield rack
    asyncio.run(remove_everything(docker_host, rack))


@pytest.fixture
def clock() -> LateClock:
    return LateClock()


def made(connection: Connection, rack: str, clock: Clock, directory: Path) -> DockerProcesses:
    async def registries() -> Registries:
        return Registries()

    data = directory / "docker"
    data.mkdir(exist_ok=True)
    return DockerProcesses(connection, rack, Images(connection, rack, registries), data=data, clock=clock)


@pytest.fixture
def processes(connection, rack, clock, tmp_path) -> DockerProcesses:
    return made(connection, rack, clock, tmp_path)


async def formation(connection: Connection, app: str) -> Formation:
    image = await connection.docker.images.inspect(BASE)
    return Formation(
        key=FormationKey(app, "web", "f" * 32),
        artifact=artifacts.reference(image["Id"]),
        command="sleep 3000",
        environment=Environment({"GREETING": "hello"}),
        labels={"APP": app, "RELEASE": "RAAAAAAAAAA"},
        release_id="RAAAAAAAAAA",
        grace_s=2.0,
    )


@pytest.fixture(scope="module")
def process_id(docker_host: str, rack: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A container of the app shop that rests."""

    async def launched() -> str:
        connection = Connection(docker_host)
        async with connection.opened():
            processes = made(connection, rack, SystemClock(), tmp_path_factory.mktemp("rack"))
            return (await processes.launch(await formation(connection, "shop"), epoch=1)).state.id

    return asyncio.run(launched())


@pytest.fixture
async def web(connection) -> Formation:
    """What one-offs of the app once are started from."""
    return await formation(connection, "once")


async def find(processes, one_off):
    """Return a one-off as it is now."""
    there = await processes.one_offs("once")
    return next((each for each in there if each.state.id == one_off.state.id), None)


async def ran(processes, process_id, *words, stdin=b"", **options):
    """Run a command without anybody at it; return its exit code and what it printed."""
    async with (
        asyncio.timeout(PATIENCE_S),
        processes.execute("shop", process_id, Execution(words, **options)) as session,
    ):
        await session.write(stdin)
        await session.end_input()
        printed = b"".join([chunk async for chunk in session.output()])
        return await session.exit_code(), printed


async def until(processes, one_off, is_reached):
    """Ask again and again: nobody is told when a container ends."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_reached(seen := await find(processes, one_off)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return seen


# --- commands ---


async def test_command_has_input_output_environment_and_an_exit_code(processes, process_id):
    content = bytes(range(256)) * 2000
    assert await ran(processes, process_id, "cat", stdin=content) == (0, content)
    code, printed = await ran(processes, process_id, "sh", "-c", "echo $GREETING; echo no >&2; exit 7")
    assert (code, set(printed.splitlines())) == (7, {b"hello", b"no"})
    assert (await ran(processes, process_id, "sh", "-c", "kill -9 $$"))[0] == 137


async def test_words_are_not_seen_by_a_shell(processes, process_id):
    assert (await ran(processes, process_id, "echo", "$HOME; a  b"))[1] == b"$HOME; a  b\n"


async def test_program_that_is_not_there_ends_with_127(processes, process_id):
    code, printed = await ran(processes, process_id, "no-such-program")
    assert code in (126, 127)
    assert b"no-such-program" in printed


async def test_terminal_has_its_size(processes, process_id):
    execution = {"has_terminal": True, "size": TerminalSize(33, 111)}
    code, printed = await ran(processes, process_id, "sh", "-c", "sleep 0.2; stty size; tty", **execution)
    assert (code, printed.split()[:2]) == (0, [b"33", b"111"])
    assert b"/dev/pts" in printed


@pytest.mark.parametrize("has_terminal", [True, False])
async def test_command_is_killed_with_all_that_it_started_when_the_block_is_left(processes, process_id, has_terminal):
    script = "sleep 1234 & echo here; trap '' HUP TERM; sleep 4321"
    async with processes.execute("shop", process_id, Execution(("sh", "-c", script), has_terminal)) as session:
        async with asyncio.timeout(PATIENCE_S):
            assert b"here" in await anext(session.output())
    _, listed = await ran(processes, process_id, "ps")
    assert b"1234" not in listed
    assert b"4321" not in listed
    assert b"sleep 3000" in listed


async def test_command_that_reads_nothing_makes_the_writer_wait(processes, process_id):
    async with processes.execute("shop", process_id, Execution(("sleep", "100"))) as session:
        writing = asyncio.create_task(_write_on(session))
        done, _ = await asyncio.wait({writing}, timeout=1.0)
        assert not done, "64 MB went somewhere"
        writing.cancel()


async def _write_on(session):
    for _ in range(1000):
        await session.write(b"x" * 65536)


async def test_input_to_a_command_that_has_ended_is_dropped(processes, process_id):
    async with processes.execute("shop", process_id, Execution(("true",))) as session:
        assert [chunk async for chunk in session.output()] == []
        await session.write(b"more")
        await session.end_input()
        await session.end_input()
        assert await session.exit_code() == 0


async def test_no_command_runs_in_what_is_not_of_the_app(processes, process_id, connection, clock, tmp_path):
    other = made(connection, uuid.uuid4().hex[:12], clock, tmp_path)
    for who, app, name in ((processes, "other", process_id), (other, "shop", process_id), (processes, "shop", "none")):
        with pytest.raises(NotFound):
            async with who.execute(app, name, Execution(("true",))):
                pass


async def test_no_command_runs_in_a_process_that_ended(processes, web):
    ended = await processes.launch(replace(web, command="true"), epoch=1)
    await until(processes, ended, lambda seen: seen.exit_code == 0)
    with pytest.raises(Refused):
        async with processes.execute("once", ended.state.id, Execution(("true",))):
            pass


# --- processes that run once ---


async def test_one_off_runs_with_its_environment_on_the_network_of_the_app(processes, process_id, rack, connection):
    (one_off,) = await processes.one_offs("shop")
    assert (one_off.state.id, one_off.service, one_off.release_id) == (process_id, "web", "RAAAAAAAAAA")
    assert (one_off.state.health, one_off.exit_code, one_off.state.command) == (Health.HEALTHY, None, "sleep 3000")
    found = await Api(connection).get(f"containers/{process_id}/json")
    assert list(found["NetworkSettings"]["Networks"]) == [f"sternway-{rack}-shop"]
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert "hello" not in str(found["Config"]["Labels"])


async def test_one_off_that_ended_says_how_and_is_swept_after_an_hour(
    processes, web, connection, rack, clock, tmp_path
):
    one_off = await processes.launch(replace(web, command="sh -c 'exit 3'"), epoch=1)
    ended = await until(processes, one_off, lambda seen: seen.exit_code is not None)
    assert (ended.exit_code, ended.state.health) == (3, Health.FAILED)
    clock.ahead = timedelta(minutes=61)
    assert await find(made(connection, rack, clock, tmp_path), one_off) is None


async def test_one_off_is_found_by_its_fingerprint_after_its_end(processes, web):
    marked = replace(web, key=replace(web.key, fingerprint="a mark of its own"), command="true")
    one_off = await processes.launch(marked, epoch=1)
    ended = await until(processes, one_off, lambda seen: seen.exit_code is not None)
    assert (one_off.fingerprint, ended.fingerprint, ended.exit_code) == ("a mark of its own", "a mark of its own", 0)


async def test_one_off_that_cannot_start_is_failed_with_the_reason(processes, web):
    web = replace(web, command="no-such-program", containment=Containment(has_init=False))
    one_off = await processes.launch(web, epoch=1)
    assert one_off.state.health is Health.FAILED
    assert one_off.exit_code
    assert "no-such-program" in one_off.state.detail


async def test_one_off_is_gone_after_it_was_stopped(processes, web):
    one_off = await processes.launch(replace(web, grace_s=1.0, command="trap '' TERM; sleep 200; sleep 200"), epoch=1)
    await processes.stop("once", one_off.state.id, epoch=1)
    await processes.stop("once", one_off.state.id, epoch=1)
    assert (await find(processes, one_off)).state.health is Health.STOPPING
    await until(processes, one_off, lambda seen: seen is None)


async def test_stale_writers_start_and_stop_nothing(processes, web):
    one_off = await processes.launch(web, epoch=5)
    with pytest.raises(StaleEpoch):
        await processes.launch(web, epoch=4)
    with pytest.raises(StaleEpoch):
        await processes.stop("once", one_off.state.id, epoch=4)
    assert (await find(processes, one_off)).state.health is Health.HEALTHY


# --- files ---


async def chunks(content, size=4096):
    for start in range(0, len(content), size):
        yield content[start : start + size]


def tar_of(**files):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size, member.mode = len(content), 0o640
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


async def test_files_go_in_and_come_out_as_they_were(processes, process_id):
    content = bytes(range(256)) * 10_000
    await processes.write_files("shop", process_id, "/", chunks(tar_of(srv__data__a=content, srv__b=b"b")))
    read = b"".join([chunk async for chunk in processes.read_files("shop", process_id, "/srv")])
    with tarfile.open(fileobj=io.BytesIO(read)) as archive:
        assert {"srv/data/a", "srv/b"} <= set(archive.getnames())
        assert archive.getmember("srv/data/a").mode & 0o777 == 0o640
        source = archive.extractfile("srv/data/a")
        assert source is not None
        assert source.read() == content
    await processes.delete_files("shop", process_id, ["/srv/data", "/srv/none"])
    with pytest.raises(NotFound):
        await anext(processes.read_files("shop", process_id, "/srv/data"))


async def test_directory_is_not_overwritten_with_a_file(processes, process_id):
    with pytest.raises(InvalidInput):
        await processes.write_files("shop", process_id, "/", chunks(tar_of(tmp=b"no directory")))


async def test_files_get_the_user_of_the_process(processes, web):
    one_off = await processes.launch(replace(web, containment=Containment(user=1234, group=77)), epoch=1)
    tar = tar_of(tmp__mine=b"x" * 5000, tmp__ours=b"", tmp__last=b"y")
    await processes.write_files("once", one_off.state.id, "/", chunks(tar, size=700))
    async with processes.execute(
        "once", one_off.state.id, Execution(("stat", "-c", "%u %g %s", "/tmp/mine", "/tmp/last"))
    ) as session:
        assert b"".join([chunk async for chunk in session.output()]) == b"1234 77 5000\n1234 77 1\n"


# --- connections and use ---


async def test_connection_reaches_a_service_by_its_name(processes, web):
    key = FormationKey("once", "echo", "e" * 32)
    await processes.launch(replace(web, key=key, command="nc -ll -p 3000 -e /bin/cat"), epoch=1)
    for host in ("echo.once", "echo.once.internal.localhost"):
        async with asyncio.timeout(PATIENCE_S):
            assert await _echoed(processes, host) == b"hello"


async def _echoed(processes, host):
    while True:
        try:
            async with processes.connect(host, 3000) as pipe:
                await pipe.write(b"hello")
                await pipe.end_input()
                return b"".join([chunk async for chunk in pipe.output()])
        except EngineUnavailable:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("host", ["web.none.internal", "no-such-host.invalid"])
async def test_host_that_is_not_there_is_not_found(processes, host):
    with pytest.raises(NotFound):
        async with processes.connect(host, 80):
            pass


async def test_use_is_measured_from_one_look_to_the_next(processes, web):
    busy = (await processes.launch(replace(web, command="sh -c 'while :; do :; done'"), epoch=1)).state.id

    async def used():
        return (await processes.usage("once")).get(busy)

    async with asyncio.timeout(PATIENCE_S):
        while (seen := await used()) is None or seen.cpu < 0.1:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.1)
    assert seen.cpu <= 1.5
    assert 0 < seen.memory_mib < 50


async def test_an_app_made_anew_has_none_of_what_the_last_of_its_name_left(connection, rack, processes, web, tmp_path):
    engine_side = Volumes(Api(connection), rack, tmp_path)
    look = Execution(("sh", "-c", "ls /kept; touch /kept/left"))
    for is_deleted_before, seen in ((False, b""), (False, b"left\n"), (True, b"")):
        if is_deleted_before:
            await engine_side.leave("once", 1)
        one_off = await processes.launch(replace(web, volumes=(Volume("/kept"),)), epoch=1)
        async with asyncio.timeout(PATIENCE_S), processes.execute("once", one_off.state.id, look) as session:
            assert b"".join([chunk async for chunk in session.output()]) == seen
