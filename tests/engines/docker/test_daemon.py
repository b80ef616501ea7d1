"""The engine that a test has for itself."""

import socket

import pytest

from sternway.engines.docker import presence
from tests.engines.conftest import IMAGE, unless_on_ci
from tests.engines.docker import daemon

HEEDING = "trap exit TERM; sleep 1000 & wait"
"""A program that ends when it is told to."""


async def test_an_engine_of_its_own_comes_back_after_a_kill_and_leaves_nothing_in_the_end(docker_host: str):
    if problem := daemon.obstacle():
        unless_on_ci(problem)
    async with daemon.started() as own:
        await own.take_image(IMAGE, docker_host)
        await own.docker("network", "create", "one")
        await own.docker("run", "--detach", "--network", "one", "--restart", "always", IMAGE, "sh", "-c", HEEDING)
        await own.kill()
        assert (own.pid, presence.answers(own.address)) == (0, False)
        await own.start()
        with own.frozen():
            assert not presence.answers(own.address)
        assert len((await own.docker("ps", "--quiet")).split()) == 1
        await own.kill()
    assert not own.directory.exists()
    assert own.bridge not in (name for _, name in socket.if_nameindex())


async def test_an_engine_that_cannot_start_says_why(docker_host: str):
    if problem := daemon.obstacle():
        unless_on_ci(problem)
    with pytest.raises(RuntimeError, match="unknown flag: --nonsense"):
        async with daemon.started("--nonsense"):
            pass
