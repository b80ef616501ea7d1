"""Builds by the BuildKit of a real engine. What none here does, such as breaking off, is in `test_buildkit`."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sternway.core.errors import BuildFailed
from sternway.core.registry import Registries
from sternway.core.release import BuildOptions
from sternway.engines.docker.builds import offer
from sternway.engines.docker.calls.connection import Connection
from tests.engines.conftest import unless_on_ci
from tests.engines.docker import registry as registries
from tests.engines.docker.registry import PASSWORD, Registry
from tests.engines.docker.sources import BASE, Bench, order, private_image

MANIFEST = "services:\n  web:\n    build: .\n"
MOUNTING = "RUN --mount=type=tmpfs,target=/x"
"""How a step begins that the classic builder does not read."""


@pytest.fixture
async def bench(docker_host: str, tmp_path: Path) -> AsyncIterator[Bench]:
    connection = Connection(docker_host)
    async with connection.opened():
        if not (await offer.ask(connection)).has_buildkit:
            unless_on_ci("this engine does not offer BuildKit")
        bench = Bench(connection, uuid.uuid4().hex[:12], tmp_path)
        yield bench
        await bench.images.forget("shop")


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Registry]:
    with registries.running(tmp_path, is_private=True) as registry:
        yield registry


def source(*lines: str) -> dict[str, str]:
    return {"convox.yml": MANIFEST, "Dockerfile": "\n".join((f"FROM {BASE}", *lines, "")), "program": "#!/bin/sh\n"}


def running_in(mark: str) -> list[int]:
    """Return the processes of this machine that have a word in their command line."""
    files = Path("/proc").glob("[0-9]*/cmdline")
    return [int(file.parent.name) for file in files if mark in _text(file)]


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # it ended just now
        return ""


async def test_caches_are_mounted_and_rights_set_and_the_same_source_is_the_same_image(bench: Bench):
    cache = uuid.uuid4().hex
    count = f"RUN --mount=type=cache,id={cache},target=/cache echo run >>/cache/runs && echo $(wc -l </cache/runs) runs"
    files = source(count, "COPY --chmod=750 program /program", "RUN stat -c '%a' /program", 'CMD ["/program"]')
    first = await bench.build(files)
    assert b"\n1 runs\n" in bench.log
    assert b"\n750\n" in bench.log
    assert (await bench.inspect(first.artifacts["web"]))["Config"]["Cmd"] == ["/program"]
    assert await bench.tags() == ["shop:BAAAAAAAAAA-web", "shop:RAAAAAAAAAA-web"]
    assert (await bench.build(files)).artifacts == first.artifacts
    await bench.build(files | {"Dockerfile": files["Dockerfile"].replace(count, f"ENV AT=later\n{count}")})
    assert b"\n2 runs\n" in bench.log
    anew = await bench.build(files, BuildOptions("key", use_cache=False))
    assert anew.artifacts != first.artifacts


async def test_arguments_and_the_stage_for_development_reach_it(bench: Bench):
    stages = f"FROM {BASE} AS development\nARG WHO\n{MOUNTING} echo for $WHO\nFROM development\nRUN exit 3\n"
    options = BuildOptions("key", arguments=(f"WHO={bench.rack}",), is_development=True)
    await bench.build(source() | {"Dockerfile": stages}, options)
    assert f"\nfor {bench.rack}\n".encode() in bench.log


async def test_a_step_that_fails_is_the_reason_and_leaves_nothing(bench: Bench):
    with pytest.raises(BuildFailed, match=r"service web: .*exit code: 3"):
        await bench.build(source(f"{MOUNTING} echo before its end; exit 3"))
    assert b"\nbefore its end\n" in bench.log
    assert await bench.tags() == []


async def test_cancelling_ends_what_runs_while_its_log_comes_live(bench: Bench):
    begun, mark = asyncio.Event(), str(secrets.randbelow(10**9) + 10**9)

    def hear(chunk: bytes) -> None:
        bench.hear(chunk)
        if b"\nit has begun\n" in bench.log:
            begun.set()

    files = source(f"{MOUNTING} echo it has begun; sleep {mark}")
    building = asyncio.ensure_future(bench.builder.build(order(bench.directory, files), hear))
    async with asyncio.timeout(20):
        await begun.wait()
        assert running_in(mark)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        while running_in(mark):  # noqa: ASYNC110 - the engine tells nobody when it is over
            await asyncio.sleep(0.02)
    assert await bench.tags() == []


async def test_a_here_document_is_built_or_else_refused_with_its_line(bench: Bench):
    files = source(f"{MOUNTING} true", "RUN <<END", "echo from here", "END")
    if (await offer.ask(bench.connection)).reads_here_documents:
        await bench.build(files)
        assert b"from here\n" in bench.log
        return
    with pytest.raises(BuildFailed, match="Dockerfile, line 3: RUN with a here-document is more than the BuildKit of"):
        await bench.build(files)


async def test_a_private_base_image_is_there_before_it_is_asked_for(bench: Bench, private: Registry):
    reference = await private_image(bench, private)
    bench.registries = Registries({private.server: private.login})
    files = source() | {"Dockerfile": f"FROM {reference}\n{MOUNTING} echo based {bench.rack}\n"}
    await bench.build(files)
    assert f"\nbased {bench.rack}\n".encode() in bench.log
    assert PASSWORD.encode() not in bench.log
    await bench.connection.docker.images.delete(reference)
