"""What goes wrong with the engine itself while it builds: its disk is full, or it ends."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sternway.core.errors import BuildFailed, SternwayError
from sternway.engines.docker.calls.connection import Connection
from tests.engines.docker import daemon
from tests.engines.docker.daemon import DockerDaemon
from tests.engines.docker.sources import BASE, Bench, order

MANIFEST = "services:\n  web:\n    build: .\n"
DISK_MIB = 48
LARGE = "x" * 60_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system. Where none can be mounted the test is skipped, and fails on CI."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)]
    if daemon.obstacle() or subprocess.run(mount, check=False, capture_output=True, timeout=10).returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Docker engine on a disk of its own here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=10)


@pytest.fixture
async def engine(disk: Path, docker_host: str) -> AsyncIterator[DockerDaemon]:
    async with daemon.started(f"--data-root={disk}", "--shutdown-timeout=1") as engine:
        await engine.take_image(BASE, docker_host)
        yield engine


@contextlib.asynccontextmanager
async def bench_on(engine: DockerDaemon, directory: Path) -> AsyncIterator[Bench]:
    connection = Connection(engine.address)
    async with connection.opened():
        yield Bench(connection, "rack", directory)


async def test_a_full_disk_of_the_engine_is_the_reason_and_has_room_again_afterwards(
    engine: DockerDaemon, tmp_path: Path
):
    sources = {
        "what it runs": {"Dockerfile": f"FROM {BASE}\nRUN dd if=/dev/zero of=/x bs=1M count={DISK_MIB}\n"},
        "what is copied": {"Dockerfile": "FROM scratch\nCOPY large /\n", "large": LARGE},
    }
    async with bench_on(engine, tmp_path) as bench:
        for files in sources.values():
            with pytest.raises(BuildFailed, match="service web: the disk of the Docker engine is full"):
                await bench.build({"convox.yml": MANIFEST, **files})
        assert await bench.tags() == []
        assert await bench.connection.docker.containers.list(all=True) == []
        assert b"\x1b" not in bench.log
        await bench.build({"convox.yml": MANIFEST, "Dockerfile": f'FROM {BASE}\nCMD ["true"]\n'})


async def test_an_engine_that_ends_during_a_build_is_the_reason_and_builds_once_it_is_back(
    engine: DockerDaemon, tmp_path: Path
):
    begun = asyncio.Event()
    async with bench_on(engine, tmp_path) as bench:

        def hear(chunk: bytes) -> None:
            bench.hear(chunk)
            if b"it has begun\n" in bench.log.replace(b"echo it has begun", b""):
                begun.set()

        run = "RUN trap 'exit 143' TERM; echo it has begun; sleep 1000 & wait"
        files = {"convox.yml": MANIFEST, "Dockerfile": f"FROM {BASE}\n{run}\n"}
        building = asyncio.ensure_future(bench.builder.build(order(bench.directory, files), hear))
        async with asyncio.timeout(40):
            await begun.wait()
            await engine.stop()
            with pytest.raises(SternwayError) as failed:
                await building
        assert "web" in failed.value.message
        assert bench.left() == []
        await engine.start()
        await bench.build({"convox.yml": MANIFEST, "Dockerfile": f"FROM {BASE}\nRUN true\n"})
