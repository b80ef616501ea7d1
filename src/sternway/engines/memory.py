"""An engine without processes, for tests, demonstrations and trying out the planner.

It obeys the contract of engines like any other. Processes get healthy as soon as they are started unless the
`World` says otherwise, and nothing happens by itself: what a real engine would see coming, the world is told.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sternway.core.errors import ArtifactGone, BuildFailed, Conflict, EngineUnavailable, NotFound, StaleEpoch
from sternway.core.formation import Formation, FormationKey, FormationState, Health, ProcessState
from sternway.ports import BuildOrder, BuildResult, Capabilities, Clock, LogLine, LogQuery, OneOff

FIRST_PORT = 20000


@dataclass(slots=True)
class _Formation:
    release_id: str
    processes: list[ProcessState] = field(default_factory=list)
    is_retired: bool = False


class World:
    """What is the case outside the engine. It outlives engines, as processes outlive a rack.

    `hold` and `fail` say how processes of a fingerprint turn out that start from now on; the fingerprints in
    `hanging` are of processes that look healthy until somebody looks at them now.
    """

    def __init__(self) -> None:
        self.formations: dict[FormationKey, _Formation] = {}
        self.epoch = 0
        self.is_down = False
        self.stops_at_once = True
        self.starts: list[ProcessState] = []
        self.hanging: set[str] = set()
        self.one_offs: dict[str, list[OneOff]] = {}
        self.lines: dict[str, list[LogLine]] = {}
        self.fingerprints: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._held: set[str] = set()
        self._failing: dict[str, str] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called at every change."""
        self._listeners.append(listener)

    # --- what tests tell it ---

    def hold(self, fingerprint: str) -> None:
        """Let processes of this fingerprint stay STARTING until they are released."""
        self._held.add(fingerprint)

    def release(self, fingerprint: str) -> None:
        """Let them get healthy, those that wait and those to come."""
        self._held.discard(fingerprint)
        self._failing.pop(fingerprint, None)
        self._set(fingerprint, {Health.STARTING, Health.FAILED, Health.UNHEALTHY}, Health.HEALTHY, "")

    def fail(self, fingerprint: str, detail: str = "exited with code 1", exits: int = 3) -> None:
        """Let processes of this fingerprint exit again and again, those that run and those to come."""
        self._failing[fingerprint] = detail
        for _ in range(exits):
            self.exit(fingerprint, detail)

    def exit(self, fingerprint: str, detail: str = "exited with code 1") -> None:
        """Let its processes exit once; they stay FAILED until they are released."""
        for key, there in self._of(fingerprint):
            there.processes = [self._exited(p, detail) for p in there.processes]
            self.notify(key.app)

    def sicken(self, fingerprint: str, detail: str = "GET / answered 500") -> None:
        """Let its healthy processes fail their health checks."""
        self._set(fingerprint, {Health.HEALTHY}, Health.UNHEALTHY, detail)

    def finish_stops(self) -> None:
        """Let every process that is stopping be gone."""
        for key, there in list(self.formations.items()):
            there.processes = [p for p in there.processes if p.health is not Health.STOPPING]
            self.forget_if_over(key)
            self.notify(key.app)

    # --- what the engine does in it ---

    def start(self, formation: Formation, slot: int, at: datetime) -> ProcessState:
        """Return a new process, as it turns out."""
        number = next(self._ids)
        endpoint = f"127.0.0.1:{FIRST_PORT + number}" if formation.port is not None else None
        process = ProcessState(
            f"{number:010x}", slot, Health.HEALTHY, at, endpoint=endpoint, command=formation.command or ""
        )
        self.starts.append(process)
        fingerprint = formation.key.fingerprint
        self.fingerprints[process.id] = fingerprint
        if fingerprint in self._failing:
            detail = self._failing[fingerprint]
            return replace(process, health=Health.FAILED, exits=3, detail=detail)
        if fingerprint in self._held:
            return replace(process, health=Health.STARTING, detail=f"nothing listens at {process.endpoint} yet")
        return process

    def forget_if_over(self, key: FormationKey) -> None:
        """Drop a formation that was retired once its last process is gone."""
        there = self.formations.get(key)
        if there and there.is_retired and not there.processes:
            del self.formations[key]

    def notify(self, app: str) -> None:
        """Tell the listeners."""
        for listener in self._listeners:
            listener(app)

    def _of(self, fingerprint: str) -> list[tuple[FormationKey, _Formation]]:
        return [(key, there) for key, there in self.formations.items() if key.fingerprint == fingerprint]

    def _set(self, fingerprint: str, which: set[Health], health: Health, detail: str) -> None:
        for key, there in self._of(fingerprint):
            there.processes = [
                replace(p, health=health, detail=detail) if p.health in which else p for p in there.processes
            ]
            self.notify(key.app)

    @staticmethod
    def _exited(process: ProcessState, detail: str) -> ProcessState:
        if process.health is Health.STOPPING:
            return process
        return replace(process, health=Health.FAILED, exits=process.exits + 1, detail=detail)


class MemoryEngine:
    """Fills `ports.Engine` in memory. Another engine with the same world is the rack after a restart."""

    def __init__(self, clock: Clock, *, world: World | None = None) -> None:
        self._clock = clock
        self.world = world or World()
        self._is_running = False

    @property
    def capabilities(self) -> Capabilities:
        """Return what it can do."""
        return Capabilities("memory", can_freeze=True)

    @property
    def problem(self) -> str:
        """Return why it does not answer, as the world was told."""
        return "the memory engine does not answer" if self.world.is_down else ""

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Run until the block ends; the world stays as it is."""
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False

    @property
    def epoch(self) -> int:
        """Return the highest epoch that was admitted."""
        return self.world.epoch

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called at every change, and at once for what is there."""
        self.world.listen(listener)
        for app in {key.app for key in self.world.formations}:
            listener(app)

    async def ensure(self, formation: Formation, count: int, *, epoch: int) -> None:
        """Fill the slots below `count`."""
        self._admit(epoch)
        there = self.world.formations.setdefault(formation.key, _Formation(formation.release_id))
        if count > 0:
            there.is_retired = False
        there.processes = [_thawed(p) if p.slot < count else p for p in there.processes]
        taken = {p.slot for p in there.processes if p.health is not Health.STOPPING}
        there.processes += [
            self.world.start(formation, slot, self._clock.now()) for slot in range(count) if slot not in taken
        ]
        self.world.notify(formation.key.app)

    async def retire(self, key: FormationKey, *, keep: int, epoch: int) -> None:
        """Begin to stop the slots from `keep` on; they are gone at once, or when the world is told."""
        self._admit(epoch)
        there = self.world.formations.get(key)
        if there is None:
            return
        there.processes = [replace(p, health=Health.STOPPING) if p.slot >= keep else p for p in there.processes]
        there.is_retired = keep == 0
        self.world.forget_if_over(key)
        self.world.notify(key.app)
        if self.world.stops_at_once:
            self.world.finish_stops()

    async def freeze(self, key: FormationKey, *, epoch: int) -> None:
        """Freeze what is healthy, and stop what is not."""
        self._admit(epoch)
        there = self.world.formations.get(key)
        if there is None:
            return
        there.processes = [_frozen(p) for p in there.processes]
        self.world.notify(key.app)
        if self.world.stops_at_once:
            self.world.finish_stops()

    async def examine(self, key: FormationKey) -> None:
        """Take note of those that hang, as the world was told."""
        self._check()
        for fingerprint in self.world.hanging & {key.fingerprint}:
            self.world.sicken(fingerprint, "does not answer")

    async def restart(self, key: FormationKey, process_id: str, *, epoch: int) -> None:
        """Start it again at once; raises NotFound."""
        self._admit(epoch)
        there = self.world.formations.get(key)
        if there is None or process_id not in {p.id for p in there.processes}:
            raise NotFound(f"process not found: {process_id}", hint="list them: sternway ps")
        there.processes = [self._restarted(p) if p.id == process_id else p for p in there.processes]
        self.world.notify(key.app)

    async def forget(self, app: str, *, epoch: int, owner: int = 0) -> None:
        """Do nothing more than refuse while something runs: nothing is kept."""
        self._admit(epoch)
        if any(key.app == app for key in self.world.formations):
            raise Conflict(f"processes of {app} still run", hint="wait until they are gone")

    async def recall(self, app: str, *, epoch: int, owner: int) -> bool:
        """Bring nothing back: nothing is kept."""
        self._admit(epoch)
        return False

    async def withdraw(self, app: str, *, epoch: int) -> None:
        """Do nothing more than refuse while something runs: nothing is kept."""
        await self.forget(app, epoch=epoch)

    async def observe(self, app: str) -> tuple[FormationState, ...]:
        """Return every formation of the app, sorted by key."""
        self._check()
        return tuple(
            FormationState(key, there.release_id, tuple(sorted(there.processes, key=lambda p: (p.slot, p.id))))
            for key, there in sorted(self.world.formations.items())
            if key.app == app
        )

    def _restarted(self, process: ProcessState) -> ProcessState:
        if process.health is Health.STOPPING:
            return process
        return replace(process, health=Health.HEALTHY, started_at=self._clock.now(), detail="")

    def _check(self) -> None:
        if self.world.is_down or not self._is_running:
            raise EngineUnavailable("the memory engine does not answer", hint="set world.is_down to False")

    def _admit(self, epoch: int) -> None:
        self._check()
        if epoch < self.world.epoch:
            raise StaleEpoch(f"epoch {epoch} is older than {self.world.epoch}", hint="another rack took over")
        self.world.epoch = epoch


def _frozen(process: ProcessState) -> ProcessState:
    if process.health in (Health.STOPPING, Health.FROZEN):
        return process
    return replace(process, health=Health.FROZEN if process.health is Health.HEALTHY else Health.STOPPING)


def _thawed(process: ProcessState) -> ProcessState:
    return replace(process, health=Health.HEALTHY) if process.health is Health.FROZEN else process


class MemoryBuilder:
    """Fills `ports.Builder`: every build gives the manifest and services that it was told."""

    def __init__(self, manifest: str = "services: {}\n", services: tuple[str, ...] = ()) -> None:
        self.manifest = manifest
        self.services = services
        self.failure = ""
        self.gone: set[str] = set()
        self.discarded: list[str] = []

    async def build(self, order: BuildOrder, log: Callable[[bytes], None]) -> BuildResult:
        """Return what was told; raises BuildFailed while `failure` says why."""
        log(f"Building {order.build_id}\n".encode())
        if self.failure:
            raise BuildFailed(self.failure, hint="correct the source and build again")
        return BuildResult(self.manifest, {name: f"memory:{order.build_id}:{name}" for name in self.services})

    async def missing(self, app: str, artifacts: Collection[str]) -> Collection[str]:
        """Return those among `gone`."""
        return [artifact for artifact in artifacts if artifact in self.gone]

    async def sizes(self, artifacts: Collection[str]) -> Mapping[str, int]:
        """Return the lengths of their names, of those that are not gone."""
        return {artifact: len(artifact) for artifact in artifacts if artifact not in self.gone}

    async def verify(self, app: str, artifact: str) -> None:
        """Raise ArtifactGone for one that is among `gone`."""
        if artifact in self.gone:
            raise ArtifactGone(f"{artifact} is no longer there", hint="build again")

    async def discard(self, app: str, artifacts: Collection[str], *, needed: Collection[str]) -> None:
        """Let those be gone that are not needed."""
        self.discarded += sorted(set(artifacts) - set(needed) - self.gone)
        self.gone.update(self.discarded)


class MemoryLogs:
    """Fills `ports.Logs` over lines that the world was told."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(self, app: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """Yield the lines of the app that were told; following them ends only with the reader."""
        lines = [line for line in self._world.lines.get(app, []) if self._is_asked_for(line, query)]
        for line in lines if query.tail is None else lines[max(0, len(lines) - query.tail) :]:
            yield line
        if query.follow:
            await asyncio.Event().wait()

    def _is_asked_for(self, line: LogLine, query: LogQuery) -> bool:
        _, service, process = (*line.source.split("/"), "", "")[:3]
        is_meant = query.service in (None, service) and query.process in (None, process)
        is_meant = is_meant and query.takes(self._world.fingerprints.get(process, ""))
        return is_meant and (query.since is None or line.at >= query.since)
