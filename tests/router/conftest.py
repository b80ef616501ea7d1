import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sternway.router.caddy.router import CaddyRouter
from tests.router import rigs


@dataclass(frozen=True)
class Home:
    """Where a Caddy lives."""

    directory: Path
    listen: str


def free_address() -> str:
    """Return an address below those that connections of clients are given: load would take a free one away."""
    while True:
        port = random.randrange(12000, 32000)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return f"127.0.0.1:{port}"


def stop(home: Home) -> None:
    asyncio.run(CaddyRouter(home.directory, home.listen, rigs.SystemTime()).stop())


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    # Longer than the path of a socket may be, as data directories are.
    home = Home(tmp_path_factory.mktemp("d" * 100) / "router", free_address())
    yield home
    stop(home)


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "router", free_address())
    yield home
    stop(home)


@pytest.fixture
async def caddy(shared_home: Home) -> AsyncIterator[rigs.CaddyRig]:
    async with AsyncExitStack() as stack:
        rig = rigs.CaddyRig(shared_home.directory, shared_home.listen, stack)
        await rig.start()
        yield rig
        await rig.leave()


@pytest.fixture
async def own_caddy(own_home: Home) -> AsyncIterator[rigs.CaddyRig]:
    async with AsyncExitStack() as stack:
        rig = rigs.CaddyRig(own_home.directory, own_home.listen, stack)
        await rig.start()
        yield rig
        await rig.leave()


@pytest.fixture(params=["memory", "caddy"])
def rig(request: pytest.FixtureRequest) -> rigs.Rig:
    if request.param == "memory":
        return rigs.MemoryRig()
    caddy: rigs.CaddyRig = request.getfixturevalue("caddy")
    return caddy
