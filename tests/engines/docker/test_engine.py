"""What only real containers show: what they are made of, how they end, and what becomes of them afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiodocker
import pytest

from sternway.core.environment import Environment
from sternway.core.errors import Conflict
from sternway.core.formation import Containment, Formation, Health, HealthCheck, Limits, ProcessState, Volume
from sternway.engines import health
from sternway.engines.docker import labels
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.api import Api
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.containers import creation, retired
from sternway.engines.docker.containers.creation import Order
from sternway.engines.docker.containers.nursery import Nursery
from sternway.engines.docker.networks import Networks
from sternway.engines.docker.volumes import Volumes
from sternway.ports import Engine
from tests.engines.bench import APP, DockerBench, WallClock, healthy, ids, no_registries, processes, until

SECRET = "hunter2-of-the-test"
MARK = "the-mark-of-the-first"


def web(bench: DockerBench, name: str = "web") -> Formation:
    check = HealthCheck(path="/sh", interval_s=0.2)
    command = "httpd -f -p 3000 -h /bin"
    return replace(bench.formation(name, service="web"), port=3000, command=command, health=check, grace_s=1.0)


def shell(bench: DockerBench, script: str, **more: Any) -> Formation:
    return replace(bench.formation(), command=script, grace_s=0.2, **more)


async def started(bench: DockerBench, wanted: Formation, count: int = 1) -> Engine:
    running = await bench.start()
    await running.ensure(wanted, count, epoch=1)
    await healthy(running, wanted, count)
    return running


async def failed(running: Engine, wanted: Formation) -> ProcessState:
    """Wait until the process of a formation failed with all that there is to say, and return it."""

    def is_failed(seen: Any) -> bool:
        return any(p.health is Health.FAILED and ":" in p.detail for p in processes(seen, wanted))

    return processes(await until(running, is_failed), wanted)[0]


async def described(bench: DockerBench) -> list[Mapping[str, Any]]:
    """Return every container of the rack as its engine describes it."""
    async with aiodocker.Docker(bench.host) as docker:
        params = {"all": "1", "filters": labels.encoded(labels.selecting(bench.rack))}
        found = await docker._query_json("containers/json", params=params)
        return [await docker._query_json(f"containers/{each['Id']}/json") for each in found]


async def done(bench: DockerBench, method: str, path: str, **params: str) -> None:
    """Have the engine do something behind the rack's back."""
    async with aiodocker.Docker(bench.host) as docker, docker._query(path, method, params=params):
        pass


async def left_by_a_crash(bench: DockerBench, wanted: Formation) -> None:
    """Make a container as a rack does that dies before it starts it."""
    connection = Connection(bench.host)
    api, images = Api(connection), Images(connection, bench.rack, no_registries)
    networks, volumes = Networks(api, bench.rack), Volumes(api, bench.rack, bench.data)
    async with connection.opened():
        order = Order(creation.berth(wanted, 0, wanted.release_id), wanted)
        await Nursery(api, bench.rack, images, networks, volumes).make(order)


async def gone(running: Engine) -> None:
    await until(running, lambda seen: seen == ())


# --- what they are made of ---


async def test_a_process_finds_its_environment_which_stands_nowhere_else(docker_bench: DockerBench):
    wanted = replace(web(docker_bench), environment=Environment({"TOKEN": SECRET, "RELEASE": "x", "PORT": "1"}))
    await started(docker_bench, replace(wanted, labels={"RELEASE": "RAAAAAAAAAA"}))
    (found,) = await described(docker_bench)
    variables = dict(each.split("=", 1) for each in found["Config"]["Env"])
    assert variables == {"PATH": variables["PATH"], "TOKEN": SECRET, "RELEASE": "RAAAAAAAAAA", "PORT": "3000"}
    assert SECRET not in str([found["Name"], found["Args"], found["Path"], found["Config"]["Labels"]])


async def test_a_service_gets_healthy_when_its_path_answers_at_its_endpoint(docker_bench: DockerBench):
    running = await started(docker_bench, web(docker_bench))
    (process,) = processes(await running.observe(APP), web(docker_bench))
    assert process.endpoint
    assert await health.ask(process.endpoint, HealthCheck(path="/sh")) == ""
    assert (await health.ask(process.endpoint, HealthCheck(path="/missing"))).endswith("404")


async def test_services_of_an_app_find_each_other_by_name(docker_bench: DockerBench):
    running = await started(docker_bench, web(docker_bench))
    asking = shell(
        docker_bench, "wget -q -O /dev/null http://web:3000/sh && sleep 1000", health=HealthCheck(settle_s=1)
    )
    await running.ensure(asking, 1, epoch=1)
    assert (await healthy(running, asking))[0].exits == 0


async def test_limits_and_containment_reach_the_container(docker_bench: DockerBench):
    contained = Containment(user=1000, is_read_only=True, may_gain_rights=False, capabilities_dropped=("ALL",))
    script = "touch /tmp/x && ! touch /x && test $(id -u) = 1000 && sleep 1000"
    wanted = shell(docker_bench, script, containment=contained, limits=Limits(cpu_millis=500, memory_mib=32))
    await started(docker_bench, replace(wanted, health=HealthCheck(settle_s=0.5)))
    ((host, restarts),) = [(found["HostConfig"], found["RestartCount"]) for found in await described(docker_bench)]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], restarts) == (2**25, 2**25, 500_000_000, 0)
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])


async def test_a_process_that_must_not_be_root_is_refused_where_nobody_says_another(docker_bench: DockerBench):
    running, wanted = await docker_bench.start(), docker_bench.formation()
    await running.ensure(replace(wanted, containment=Containment(must_not_be_root=True)), 1, epoch=1)
    assert "runAsNonRoot" in (await failed(running, wanted)).detail
    await running.retire(wanted.key, keep=0, epoch=1)
    await gone(running)
    assert await described(docker_bench) == []


# --- how they end ---


async def test_a_command_that_is_not_there_shows_as_such(docker_bench: DockerBench):
    running, contained = await docker_bench.start(), Containment(has_init=False)
    wanted = replace(docker_bench.formation(), command="no-such-command", containment=contained)
    await running.ensure(wanted, 1, epoch=1)
    detail = (await failed(running, wanted)).detail
    assert detail.startswith("exited with code 127: ")
    assert "executable file not found" in detail


async def test_starts_that_fail_are_counted_and_leave_no_container(docker_bench: DockerBench):
    running, contained = await docker_bench.start(), Containment(has_init=False)
    wanted = replace(docker_bench.formation(), command="no-such-command", containment=contained)
    await running.ensure(wanted, 1, epoch=1)
    await until(running, lambda seen: processes(seen, wanted)[0].exits >= 3)
    await running.retire(wanted.key, keep=0, epoch=1)
    await gone(running)
    assert await described(docker_bench) == []


async def test_exits_are_counted_over_a_restart_of_the_rack(docker_bench: DockerBench):
    running, wanted = await docker_bench.start(), shell(docker_bench, "echo so it ends; exit 3")
    await running.ensure(wanted, 1, epoch=1)
    await until(running, lambda seen: processes(seen, wanted)[0].exits >= 2)
    assert (await failed(running, wanted)).detail == "exited with code 3: so it ends"
    running = await docker_bench.start()
    assert processes(await running.observe(APP), wanted)[0].exits >= 2


async def test_an_image_that_is_gone_shows_as_a_failed_start(docker_bench: DockerBench):
    running = await docker_bench.start()
    wanted = replace(docker_bench.formation(), artifact="docker:sha256:" + "0" * 64)
    await running.ensure(wanted, 1, epoch=1)
    seen = await until(running, lambda seen: processes(seen, wanted)[0].health is Health.FAILED)
    assert processes(seen, wanted)[0].detail


async def test_a_process_that_takes_too_much_memory_is_killed_and_that_is_said(docker_bench: DockerBench):
    running = await docker_bench.start()
    wanted = shell(docker_bench, "x=aaaaaaaa; while :; do x=$x$x; done", limits=Limits(memory_mib=16))
    await running.ensure(wanted, 1, epoch=1)
    assert (await failed(running, wanted)).detail == "killed: out of memory (limit 16 MiB)"


async def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(docker_bench: DockerBench):
    wanted = docker_bench.slow_to_stop(docker_bench.formation())
    running = await started(docker_bench, wanted)
    await running.retire(wanted.key, keep=0, epoch=1)
    await gone(running)
    ((state, policy),) = [(c["State"], c["HostConfig"]["RestartPolicy"]["Name"]) for c in await described(docker_bench)]
    assert (state["ExitCode"], policy) == (137, "no")


async def test_a_process_that_its_engine_starts_again_is_out_of_rotation_meanwhile(docker_bench: DockerBench):
    wanted = replace(web(docker_bench), command="sh -c 'timeout 1.5 httpd -f -p 3000 -h /bin; exit 1'")
    running = await started(docker_bench, wanted)
    before = processes(await running.observe(APP), wanted)[0]
    await until(running, lambda seen: processes(seen, wanted)[0].health is not Health.HEALTHY)
    (after,) = await healthy(running, wanted)
    assert (after.id, after.exits > before.exits, after.started_at > before.started_at) == (before.id, True, True)


async def test_a_process_that_is_killed_by_hand_is_started_again(docker_bench: DockerBench):
    running = await started(docker_bench, web(docker_bench))
    (process,) = processes(await running.observe(APP), web(docker_bench))
    await done(docker_bench, "POST", f"containers/{process.id}/kill")
    await until(running, lambda seen: processes(seen, web(docker_bench))[0].health is not Health.HEALTHY)
    assert (await healthy(running, web(docker_bench)))[0].exits == 1


async def test_a_container_that_is_removed_by_hand_is_seen_and_its_slot_filled_again(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running = await started(docker_bench, wanted, 2)
    before = ids(await running.observe(APP), wanted)
    await done(docker_bench, "DELETE", f"containers/{before[0]}", force="1")
    await until(running, lambda seen: ids(seen, wanted) == before[1:])
    await running.ensure(wanted, 2, epoch=1)
    assert ids(await until(running, lambda seen: len(processes(seen, wanted)) == 2), wanted)[1] == before[1]


# --- what a later rack finds ---


async def test_what_was_healthy_is_so_at_once_although_nothing_tells_it(docker_bench: DockerBench):
    worker = docker_bench.formation()
    running = await started(docker_bench, web(docker_bench))
    await running.ensure(worker, 1, epoch=1)
    await healthy(running, worker)
    await docker_bench.leave()
    for path in (docker_bench.data / "docker" / "containers").iterdir():
        path.unlink()
    seen = await (await docker_bench.start()).observe(APP)
    assert [p.health for there in seen for p in there.processes] == [Health.HEALTHY] * 2


async def test_what_stops_is_stopping_after_a_restart_of_the_rack_too(docker_bench: DockerBench):
    wanted = replace(docker_bench.slow_to_stop(docker_bench.formation()), grace_s=3.0)
    running = await started(docker_bench, wanted)
    await running.retire(wanted.key, keep=0, epoch=1)
    running = await docker_bench.start()
    assert [p.health for p in processes(await running.observe(APP), wanted)] == [Health.STOPPING]
    await gone(running)


async def test_a_container_that_was_made_and_never_started_is_started_by_the_next_rack(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    await left_by_a_crash(docker_bench, wanted)
    await left_by_a_crash(docker_bench, wanted)
    running = await docker_bench.start()
    seen = await until(running, lambda seen: len(processes(seen, wanted)) == 1)
    assert len(ids(seen, wanted)) == 1
    await healthy(running, wanted)


async def test_racks_on_one_engine_do_not_see_what_is_the_others(docker_bench: DockerBench):
    wanted = docker_bench.formation()
    running = await started(docker_bench, wanted)
    other = DockerBench(docker_bench.host, docker_bench.data / "other", docker_bench.image_id, "0" * 12)
    there = await other.start()
    assert await there.observe(APP) == ()
    await there.forget(APP, epoch=1)
    await other.clear()
    assert [p.health for p in processes(await running.observe(APP), wanted)] == [Health.HEALTHY]


async def test_containers_that_are_over_stay_until_they_are_too_many(
    docker_bench: DockerBench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retired, "KEPT", 1)
    wanted = docker_bench.formation()
    running = await started(docker_bench, wanted, 3)
    await running.retire(wanted.key, keep=0, epoch=1)
    await gone(running)
    connection = Connection(docker_bench.host)
    async with connection.opened():
        await retired.Retired(Api(connection), docker_bench.rack).sweep(APP, WallClock().now(), ())
    assert len(await described(docker_bench)) == 1


# --- what is kept of an app ---


async def test_volumes_outlive_processes_and_not_their_app(docker_bench: DockerBench):
    kept = (Volume("/data"),)
    writing = shell(docker_bench, f"echo {MARK} > /data/mark; sleep 1000", volumes=kept)
    running = await started(docker_bench, writing)
    script = f"grep {MARK} /data/mark && sleep 1000; sleep 1; exit 7"
    reading = replace(docker_bench.formation("two"), command=script, volumes=kept, health=HealthCheck(settle_s=0.3))
    await running.ensure(reading, 1, epoch=1)
    assert (await healthy(running, reading))[0].exits == 0
    with pytest.raises(Conflict):
        await running.forget(APP, epoch=1)
    for key in (writing.key, reading.key):
        await running.retire(key, keep=0, epoch=1)
    await gone(running)
    await running.forget(APP, epoch=1)
    await running.forget(APP, epoch=1)
    assert await described(docker_bench) == []
    running = await docker_bench.start()
    fresh = shell(docker_bench, "test ! -e /data/mark && sleep 1000; exit 9", volumes=kept)
    await running.ensure(replace(fresh, health=HealthCheck(settle_s=0.3)), 1, epoch=1)
    assert (await healthy(running, fresh))[0].exits == 0


async def test_volumes_of_an_app_that_was_deleted_come_back_with_what_is_in_them(docker_bench: DockerBench):
    kept = (Volume("/data"),)
    writing = shell(docker_bench, f"echo {MARK} > /data/mark; sleep 1000", volumes=kept)
    running = await started(docker_bench, writing)
    await running.retire(writing.key, keep=0, epoch=1)
    await gone(running)
    await running.forget(APP, epoch=1, owner=7)
    running = await docker_bench.start()
    assert not await running.recall(APP, epoch=1, owner=8)
    assert await running.recall(APP, epoch=1, owner=7)
    assert await running.recall(APP, epoch=1, owner=7)
    script = f"grep {MARK} /data/mark && sleep 1000; sleep 1; exit 7"
    reading = replace(docker_bench.formation("two"), command=script, volumes=kept, health=HealthCheck(settle_s=0.3))
    await running.ensure(reading, 1, epoch=1)
    assert (await healthy(running, reading))[0].exits == 0
