"""Three engines on a bench: what the tests of the contract need to know of each, and how to wait for one."""

import asyncio
import functools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiodocker

from sternway.core.environment import Environment
from sternway.core.formation import Formation, FormationKey, FormationState, Health, HealthCheck, ProcessState
from sternway.core.registry import Registries
from sternway.engines.docker import labels
from sternway.engines.docker.builds import artifacts
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.engine import DockerEngine
from sternway.engines.memory import MemoryEngine, World
from sternway.engines.process import isolation, report, slots
from sternway.engines.process.engine import ProcessEngine
from sternway.ports import Clock, Engine
from sternway.supervisor import child

APP = "shop"
TREE = "tree:sha256:" + "0" * 64
LAST_EPOCH = 1_000_000
FOREVER = "sleep 1000"
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"
STUBBORN = "trap '' TERM; sleep 1000 & wait; sleep 1000"


PROBED = HealthCheck(path="/", interval_s=1000, timeout_s=0.5)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def formation(name: str = "one", *, app: str = APP, service: str = "worker") -> Formation:
    return Formation(
        key=FormationKey(app, service, name),
        artifact=TREE,
        command=FOREVER,
        environment=Environment(),
        labels={},
        release_id="RAAAAAAAAAA",
        health=HealthCheck(settle_s=0.01),
        grace_s=5.0,
    )


EVERYTHING = isolation.Wanted()


@functools.cache
def surveyed(wanted: isolation.Wanted = EVERYTHING) -> isolation.Isolation:
    """Return what this machine lends; it is tried once for all tests."""
    with tempfile.TemporaryDirectory() as directory:
        return isolation.find(Path(directory) / "data", wanted)


class ProcessBench:
    """Real processes of this machine."""

    def __init__(self, data: Path, wanted: isolation.Wanted = EVERYTHING) -> None:
        self.data = data
        self.wanted = wanted
        self._stack = AsyncExitStack()
        (data / "snapshots" / ("0" * 64)).mkdir(parents=True)

    async def start(self) -> ProcessEngine:
        """Run an engine, as a rack that is started does; the one before is left first."""
        await self._stack.aclose()
        engine = ProcessEngine(self.data, clock=WallClock(), survey=lambda _: surveyed(self.wanted))
        await self._stack.enter_async_context(engine.run())
        return engine

    async def leave(self) -> None:
        """Stop the rack, and no process."""
        await self._stack.aclose()

    def idle(self) -> Engine:
        return ProcessEngine(self.data, clock=WallClock())

    def formation(self, name: str = "one", *, app: str = APP, service: str = "worker") -> Formation:
        return formation(name, app=app, service=service)

    def held(self, wanted: Formation) -> Formation:
        return replace(wanted, health=HealthCheck(settle_s=1000))

    def failing(self, wanted: Formation) -> Formation:
        return replace(wanted, command="no-such-command")

    def slow_to_stop(self, wanted: Formation) -> Formation:
        return replace(wanted, command=STUBBORN, grace_s=0.2)

    def let_stops_finish(self) -> None:
        """They do by themselves."""

    def web(self) -> Formation:
        listen = f'{sys.executable} -S -m http.server "$PORT" --bind 127.0.0.1'
        return replace(self.formation(service="web"), port=3000, command=listen, health=PROBED)

    async def hang(self, wanted: Formation) -> None:
        """Have its processes not answer any more."""
        for left in self._left(wanted):
            stand_still(innermost(left.pid))

    async def printed(self, wanted: Formation) -> list[int]:
        """Return what processes that count have printed."""
        found = [directory for slot, directory in self._slots(wanted)]
        return [int(line.split()[-1]) for path in found for line in (path / "log/00000001").read_text().splitlines()]

    def _left(self, wanted: Formation) -> list[report.Report]:
        left = (report.read(directory) for _, directory in self._slots(wanted))
        return [each for each in left if each]

    def _slots(self, wanted: Formation) -> list[tuple[slots.Slot, Path]]:
        there = slots.Slots(self.data / "processes").of_app(wanted.key.app)
        return [(slot, directory) for slot, directory in there if slot.key == wanted.key]

    async def clear(self) -> None:
        """Stop whatever a test left."""
        engine = await self.start()
        apps = [path.name for path in (self.data / "processes").glob("*")]
        for app in apps:
            for there in await engine.observe(app):
                await engine.retire(there.key, keep=0, epoch=LAST_EPOCH)
        for app in apps:
            await until(engine, lambda seen: not seen, app=app)
        await self._stack.aclose()


class MemoryBench:
    """A world without processes."""

    def __init__(self) -> None:
        self.world = World()
        self._stack = AsyncExitStack()

    async def start(self) -> Engine:
        await self._stack.aclose()
        engine = MemoryEngine(WallClock(), world=self.world)
        await self._stack.enter_async_context(engine.run())
        return engine

    def idle(self) -> Engine:
        return MemoryEngine(WallClock(), world=self.world)

    def formation(self, name: str = "one", *, app: str = APP, service: str = "worker") -> Formation:
        return formation(name, app=app, service=service)

    def held(self, wanted: Formation) -> Formation:
        self.world.hold(wanted.key.fingerprint)
        return wanted

    def failing(self, wanted: Formation) -> Formation:
        self.world.fail(wanted.key.fingerprint)
        return wanted

    def slow_to_stop(self, wanted: Formation) -> Formation:
        self.world.stops_at_once = False
        return wanted

    def let_stops_finish(self) -> None:
        self.world.finish_stops()

    def web(self) -> Formation:
        return replace(self.formation(service="web"), port=3000)

    async def hang(self, wanted: Formation) -> None:
        self.world.hanging.add(wanted.key.fingerprint)

    async def clear(self) -> None:
        await self._stack.aclose()


class DockerBench:
    """Real containers. What a test leaves goes with the rack whose labels it has; networks may serve several tests."""

    def __init__(self, host: str, data: Path, image_id: str, rack: str) -> None:
        self.host = host
        self.data = data
        self.rack = rack
        self.image_id = image_id
        self.clock: Clock = WallClock()
        self._stack = AsyncExitStack()

    async def start(self) -> DockerEngine:
        await self._stack.aclose()
        engine = self.idle()
        await self._stack.enter_async_context(engine.run())
        return engine

    async def leave(self) -> None:
        """Stop the rack, and no container."""
        await self._stack.aclose()

    def idle(self) -> DockerEngine:
        connection = Connection(self.host)
        images = Images(connection, self.rack, no_registries)
        return DockerEngine(connection, self.rack, images, data=self.data / "docker", clock=self.clock)

    def formation(self, name: str = "one", *, app: str = APP, service: str = "worker") -> Formation:
        return replace(formation(name, app=app, service=service), artifact=artifacts.reference(self.image_id))

    def held(self, wanted: Formation) -> Formation:
        return replace(wanted, health=HealthCheck(settle_s=1000))

    def failing(self, wanted: Formation) -> Formation:
        return replace(wanted, command="no-such-command")

    def slow_to_stop(self, wanted: Formation) -> Formation:
        return replace(wanted, command=STUBBORN, grace_s=0.2)

    def let_stops_finish(self) -> None:
        """They do by themselves."""

    def web(self) -> Formation:
        listen = "httpd -f -p 3000 -h /bin"
        return replace(self.formation(service="web"), port=3000, command=listen, health=replace(PROBED, path="/sh"))

    async def hang(self, wanted: Formation) -> None:
        """Have its processes not answer any more, wherever they are on this machine."""
        async with aiodocker.Docker(self.host) as docker:
            for each in await self._containers(docker, wanted):
                found = await docker._query_json(f"containers/{each}/json")
                [command] = child.children(found["State"]["Pid"])
                stand_still(command)

    async def printed(self, wanted: Formation) -> list[int]:
        """Return what processes that count have printed."""
        async with aiodocker.Docker(self.host) as docker:
            found = [docker.containers.container(each) for each in await self._containers(docker, wanted)]
            return [int(line) for each in found for line in await each.log(stdout=True)]

    async def _containers(self, docker: aiodocker.Docker, wanted: Formation) -> list[str]:
        filters = labels.selecting(self.rack, app=wanted.key.app, service=wanted.key.service)
        found = await docker._query_json("containers/json", params={"filters": labels.encoded(filters)})
        mark = wanted.key.fingerprint
        return [each["Id"] for each in found if each["Labels"][labels.FINGERPRINT] == mark]

    async def clear(self) -> None:
        """Remove every container that bears the labels of this rack."""
        await self._stack.aclose()
        async with aiodocker.Docker(self.host) as docker:
            await remove_containers(docker, self.rack)


async def remove_containers(docker: aiodocker.Docker, rack: str) -> None:
    params = {"all": "1", "filters": labels.encoded(labels.selecting(rack))}
    there = await docker._query_json("containers/json", params=params)
    await asyncio.gather(*(removed(docker, f"containers/{each['Id']}", force="1", v="1") for each in there))


async def remove_everything(host: str, rack: str) -> None:
    """Remove whatever bears the labels of a rack."""
    params = {"filters": labels.encoded(labels.selecting(rack))}
    async with aiodocker.Docker(host) as docker:
        await remove_containers(docker, rack)
        for each in await docker._query_json("networks", params=params):
            await removed(docker, f"networks/{each['Id']}")
        for each in (await docker._query_json("volumes", params=params))["Volumes"] or ():
            await removed(docker, f"volumes/{each['Name']}", force="1")


async def no_registries() -> Registries:
    return Registries({}, "")


async def removed(docker: aiodocker.Docker, path: str, **params: str) -> None:
    async with docker._query(path, "DELETE", params=params):
        pass


def innermost(pid: int) -> int:
    """Return the command itself: a sandbox starts it as a child of a child."""
    while children := child.children(pid):
        pid = children[0]
    return pid


Bench = ProcessBench | MemoryBench | DockerBench
Seen = tuple[FormationState, ...]


def stand_still(pid: int) -> None:
    """Stop a process, and wait until it is: a busy machine takes a moment for that."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.002)


async def until(engine: Engine, is_so: Callable[[Seen], object], *, app: str = APP) -> Seen:
    """Wait, driven by the engine's own notices, until what it observes is so."""
    changed = asyncio.Event()
    engine.subscribe(lambda _: changed.set())
    seen: Seen = ()
    try:
        async with asyncio.timeout(20):
            while not is_so(seen := await engine.observe(app)):
                await changed.wait()
                changed.clear()
    except TimeoutError as exc:
        raise AssertionError(f"seen at last: {seen}") from exc
    return seen


async def healthy(engine: Engine, wanted: Formation, count: int = 1) -> tuple[ProcessState, ...]:
    """Wait until so many processes of the formation are healthy, and return them."""
    seen = await until(engine, lambda seen: _count(seen, wanted, Health.HEALTHY) == count, app=wanted.key.app)
    return processes(seen, wanted)


def _count(seen: Seen, wanted: Formation, health: Health) -> int:
    return sum(process.health is health for process in processes(seen, wanted))


def processes(seen: Seen, wanted: Formation) -> tuple[ProcessState, ...]:
    return next((there.processes for there in seen if there.key == wanted.key), ())


def ids(seen: Seen, wanted: Formation) -> list[str]:
    return [process.id for process in processes(seen, wanted)]
