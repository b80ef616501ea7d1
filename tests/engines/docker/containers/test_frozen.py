"""Frozen containers: what their engine, or somebody at it, does to them behind the rack's back."""

from dataclasses import replace

import pytest

from sternway.core.errors import Refused
from sternway.core.formation import Formation, Health
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.inside.processes import DockerProcesses
from sternway.ports import Engine, Execution
from tests.engines.bench import APP, STUBBORN, DockerBench, WallClock, healthy, ids, no_registries, processes, until
from tests.engines.docker.test_engine import described, done, gone, started


async def frozen(bench: DockerBench, wanted: Formation) -> tuple[Engine, str]:
    """Return an engine with a frozen process of a formation, and its id."""
    running = await started(bench, wanted)
    await running.freeze(wanted.key, epoch=1)
    (id_,) = ids(await running.observe(APP), wanted)
    return running, id_


async def test_a_frozen_container_is_paused_and_its_engine_is_not_to_start_it(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running, _ = await frozen(docker_bench, wanted)
    assert await kept(docker_bench) == [(True, "no")]
    await running.ensure(wanted, 1, epoch=1)
    await healthy(running, wanted)
    await running.freeze(wanted.key, epoch=1)
    await running.ensure(wanted, 1, epoch=1)
    await healthy(running, wanted)
    await running.retire(wanted.key, keep=0, epoch=1)
    await gone(running)


async def kept(bench: DockerBench) -> list[tuple[bool, str]]:
    """Return of each container whether it is paused, and what its engine does when it ends."""
    return [(each["State"]["Paused"], each["HostConfig"]["RestartPolicy"]["Name"]) for each in await described(bench)]


async def test_a_container_that_is_paused_by_hand_shows_as_frozen_and_is_thawed(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running = await started(docker_bench, wanted)
    (before,) = processes(await running.observe(APP), wanted)
    await done(docker_bench, "POST", f"containers/{before.id}/pause")
    await until(running, lambda seen: processes(seen, wanted)[0].health is Health.FROZEN)
    await running.ensure(wanted, 1, epoch=1)
    assert await healthy(running, wanted) == (before,)


async def test_a_frozen_container_that_is_unpaused_by_hand_is_stopped(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running, id_ = await frozen(docker_bench, wanted)
    await done(docker_bench, "POST", f"containers/{id_}/unpause")
    await gone(running)


async def test_a_frozen_container_that_is_removed_or_killed_by_hand_is_gone(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running, id_ = await frozen(docker_bench, wanted)
    await done(docker_bench, "DELETE", f"containers/{id_}", force="1")
    await gone(running)
    running, id_ = await frozen(docker_bench, wanted)
    await done(docker_bench, "POST", f"containers/{id_}/kill")
    await gone(running)


async def test_a_frozen_container_that_ignores_sigterm_is_killed_after_its_grace(docker_bench: DockerBench):
    wanted = replace(docker_bench.formation(), command=STUBBORN, grace_s=0.2)
    running, _ = await frozen(docker_bench, wanted)
    await running.retire(wanted.key, keep=0, epoch=1)
    await gone(running)
    assert [each["State"]["ExitCode"] for each in await described(docker_bench)] == [137]


async def test_a_frozen_container_that_is_restarted_is_kept_running_again(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running, id_ = await frozen(docker_bench, wanted)
    await running.restart(wanted.key, id_, epoch=1)
    await healthy(running, wanted)
    assert await kept(docker_bench) == [(False, "unless-stopped")]


async def test_a_thawed_service_is_healthy_once_it_has_answered_again(docker_bench: DockerBench):
    wanted = docker_bench.web()
    running = await started(docker_bench, wanted)
    await docker_bench.hang(wanted)  # and will after the thaw, since it stood still before
    await running.freeze(wanted.key, epoch=1)
    await running.ensure(wanted, 1, epoch=1)
    seen = await until(running, lambda seen: processes(seen, wanted)[0].health is not Health.FROZEN)
    assert processes(seen, wanted)[0].health is Health.UNHEALTHY


async def test_no_command_runs_inside_a_frozen_container_and_it_is_still_measured(docker_bench: DockerBench):
    _, id_ = await frozen(docker_bench, docker_bench.formation())
    connection, rack = Connection(docker_bench.host), docker_bench.rack
    images, data = Images(connection, rack, no_registries), docker_bench.data / "docker"
    async with connection.opened():
        single = DockerProcesses(connection, rack, images, data=data, clock=WallClock())
        with pytest.raises(Refused, match="frozen"):
            async with single.execute(APP, id_, Execution(("true",))):
                pass
        assert (await single.usage(APP))[id_].memory_mib > 0
