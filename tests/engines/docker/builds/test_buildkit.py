import asyncio
import base64
import functools
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.errors import BuildFailed, EngineUnavailable
from sternway.core.registry import Login, Registries
from sternway.core.release import BuildOptions
from sternway.engines.docker.builds import buildkit
from sternway.engines.docker.builds.building import Building
from sternway.engines.docker.calls.connection import Connection
from tests.engines.docker import scripted
from tests.engines.docker.scripted import Answer, Scripted, telling
from tests.engines.docker.sources import Bench

OFFERS = {"Builder-Version": "2"}
IMAGE = f"sha256:{'a' * 64}"
DONE = {"id": buildkit.IMAGE, "aux": {"ID": IMAGE}}
MANIFEST = "services:\n  web:\n    build: .\n"
MOUNTING = "FROM base AS development\nRUN --mount=type=cache,target=/x make\n"


def varint(value: int) -> bytes:
    head, value = value & 0x7F, value >> 7
    return bytes([head | 0x80]) + varint(value) if value else bytes([head])


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def content(tag: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(value)) + value


def vertex(id: str, name: str, *, begun: bool = True, cached: bool = False, error: str = "") -> bytes:
    message = content(1, id) + content(2, "sha256:input") + content(3, name) + number(4, cached)
    message += content(5, number(1, 1_700_000_000)) if begun else b""
    return content(1, message + (content(7, error) if error else b""))


def printed(id: str, text: bytes) -> bytes:
    return content(3, content(1, id) + content(2, number(1, 1)) + number(3, 1) + content(4, text))


def trace(*parts: bytes) -> dict[str, object]:
    return {"id": buildkit.TRACE, "aux": base64.b64encode(b"".join(parts)).decode()}


async def build(
    directory: Path,
    answer: Answer,
    dockerfile: str = MOUNTING,
    *,
    options: BuildOptions | None = None,
    ping: Mapping[str, str] = OFFERS,
) -> tuple[Scripted, Bench]:
    async with scripted.running(directory, answer, ping) as engine:
        connection = Connection(engine.address)
        async with connection.opened():
            bench = Bench(connection, "rack", directory)
            bench.registries = Registries({"private.example": Login("private.example", "me", "hunter2")})
            result = await bench.build({"convox.yml": MANIFEST, "Dockerfile": dockerfile, "x": ""}, options)
            assert result.artifacts == {"web": f"docker:{IMAGE}"}
            return engine, bench


async def test_a_dockerfile_that_needs_buildkit_is_built_by_it_where_it_is_offered(tmp_path: Path):
    answer = telling(
        trace(vertex("1", "[internal] load build definition"), vertex("2", "[2/2] RUN make", begun=False)),
        trace(vertex("1", "[internal] load build definition"), vertex("3", "[1/2] FROM base", cached=True)),
        trace(content(2, content(1, "status")), vertex("2", "[2/2] RUN make"), printed("2", b"made \xff\n")),
        trace(printed("2", b"half "), printed("2", b"a line\n")),
        DONE,
    )
    options = BuildOptions("key", arguments=("A=1",), use_cache=False, is_development=True)
    engine, bench = await build(tmp_path, answer, options=options)
    assert bench.log.splitlines()[2:-1] == [
        b"[internal] load build definition",
        b"CACHED: [1/2] FROM base",
        b"[2/2] RUN make",
        b"made \xff",
        b"half a line",
    ]
    asked = next(query for path, query in engine.asked if path == "/build")
    assert (asked["version"], asked["target"], asked["nocache"]) == ("2", "development", "1")
    assert json.loads(asked["buildargs"]) == {"A": "1"}
    assert "remote" not in asked
    assert engine.context == ["Dockerfile", "convox.yml", "x"]


async def test_a_dockerfile_that_needs_none_of_it_goes_to_the_classic_builder(tmp_path: Path):
    answer = telling({"stream": "Step 1/1 : FROM base\n"}, {"aux": {"ID": IMAGE}})
    engine, bench = await build(tmp_path, answer, "FROM base\n")
    assert next(query["version"] for path, query in engine.asked if path == "/build") == "1"
    assert b"Step 1/1 : FROM base\n" in bench.log


async def test_a_syntax_line_is_heeded_where_buildkit_is_offered(tmp_path: Path):
    engine, _ = await build(tmp_path, telling(DONE), "# syntax=docker/dockerfile:1\nFROM base\n")
    assert next(query["version"] for path, query in engine.asked if path == "/build") == "2"


async def test_a_base_image_that_needs_a_login_is_fetched_before(tmp_path: Path):
    dockerfile = "FROM private.example/base:1\nFROM public.example/base\nRUN --mount=type=cache,target=/x make\n"
    engine, bench = await build(tmp_path, telling(DONE), dockerfile)
    fetched = [(path, query) for path, query in engine.asked if path in ("/images/create", "/build")]
    assert fetched[0] == ("/images/create", {"fromImage": "private.example/base:1"})
    assert fetched[1][0] == "/build"
    assert b"hunter2" not in bench.log


async def test_a_failed_step_is_the_reason(tmp_path: Path):
    answer = telling(
        trace(vertex("2", "[2/2] RUN make"), printed("2", b"no rule\n")),
        trace(vertex("2", "[2/2] RUN make", error="exit code: 2")),
        {"errorDetail": {"message": "process did not complete: exit code: 2"}, "error": "exit code: 2"},
    )
    with pytest.raises(BuildFailed, match="service web: process did not complete: exit code: 2"):
        await build(tmp_path, answer)


async def test_an_end_without_an_image_is_a_failure(tmp_path: Path):
    with pytest.raises(BuildFailed, match="ended the build without an image"):
        await build(tmp_path, telling(trace(b"\xff\xff"), trace(content(1, b"\x0b")), {"id": buildkit.TRACE, "aux": 7}))


async def test_an_engine_that_ends_in_the_middle_is_the_reason(tmp_path: Path):
    async def answer(response: web.StreamResponse) -> None:
        await telling({"stream": "Step 1/9\n"})(response)
        assert response._req is not None
        assert response._req.transport is not None
        response._req.transport.abort()

    with pytest.raises(EngineUnavailable, match="building the image of web: the Docker engine does not answer"):
        await build(tmp_path, answer)


async def test_cancelling_lets_the_engine_know(tmp_path: Path):
    begun, engine_heard = asyncio.Event(), asyncio.Event()

    async def answer(response: web.StreamResponse) -> None:
        await telling(trace(vertex("1", "[1/1] RUN make")))(response)
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            engine_heard.set()

    building = asyncio.ensure_future(build(tmp_path, answer))
    async with asyncio.timeout(10):
        await begun.wait()
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        await engine_heard.wait()


async def test_a_build_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def answer(response: web.StreamResponse) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Building, "__init__", functools.partialmethod(Building.__init__, limit_s=0.1))
    with pytest.raises(BuildFailed, match="service web: the build took more than 0 seconds"):
        await build(tmp_path, answer)


async def test_podman_is_asked_as_it_is_since_its_builder_takes_everything(tmp_path: Path):
    engine, _ = await build(tmp_path, telling({"aux": {"ID": IMAGE}}), ping={"Libpod-API-Version": "4.3.1"})
    assert next(query["version"] for path, query in engine.asked if path == "/build") == "1"


async def test_an_engine_without_buildkit_cannot_build_what_needs_it(tmp_path: Path):
    with pytest.raises(BuildFailed, match="Dockerfile, line 2: RUN --mount needs BuildKit, which this engine does not"):
        await build(tmp_path, telling(), ping={})


async def test_lines_of_any_length_are_read(tmp_path: Path):
    text = "x" * 1_000_000
    _, bench = await build(tmp_path, telling({"stream": text}, DONE))
    assert text.encode() in bench.log


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reading(message: bytes):
    written: list[bytes] = []
    buildkit.Tracer(written.append).hear(base64.b64encode(message).decode())
    buildkit.Tracer(written.append).hear(message.decode("latin-1"))


@given(st.dictionaries(st.integers(1, 200), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=200))))
def test_fields_are_read_as_they_were_written(values: dict[int, int | bytes]):
    message = b"".join(number(t, v) if isinstance(v, int) else content(t, v) for t, v in values.items())
    read = buildkit.fields(message + varint(999 << 3 | 1) + bytes(8) + varint(998 << 3 | 5) + bytes(4))
    for tag, value in values.items():
        assert read[tag] == (value.to_bytes(10, "little") if isinstance(value, int) else value,)
