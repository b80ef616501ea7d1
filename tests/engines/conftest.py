import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from sternway.engines.docker import labels
from tests.engines.bench import DockerBench, ProcessBench, remove_everything
from tests.engines.docker import shared

IMAGE = "sternway-busybox"


@pytest.fixture
async def process_bench(tmp_path: Path) -> AsyncIterator[ProcessBench]:
    bench = ProcessBench(tmp_path / "data")
    yield bench
    await bench.clear()


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine that all tests share, with the base images in it."""
    try:
        with shared.engine(tmp_path_factory.getbasetemp().parent / "docker.lock") as address:
            yield address
    except shared.NoEngine as problem:
        unless_on_ci(str(problem))


def unless_on_ci(problem: str) -> NoReturn:
    """Leave a test out where what it needs is not there; on CI it has to be."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(problem)


@pytest.fixture(scope="session")
def busybox(docker_host: str) -> str:
    """The id of an image that has a shell and a web server."""
    command = ["docker", "-H", docker_host, "image", "inspect", IMAGE, "--format", "{{.Id}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


@pytest.fixture(scope="session")
def docker_rack(docker_host: str) -> Iterator[str]:
    """The id of a rack that no other has, of which nothing is left in the end."""
    rack = uuid.uuid4().hex[: labels.RACK_LENGTH]
    yield rack
    asyncio.run(remove_everything(docker_host, rack))


@pytest.fixture
async def docker_bench(docker_host: str, docker_rack: str, busybox: str, tmp_path: Path) -> AsyncIterator[DockerBench]:
    bench = DockerBench(docker_host, tmp_path, busybox, docker_rack)
    yield bench
    await bench.clear()
