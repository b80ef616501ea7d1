"""The Docker engine: formations as containers, which their engine supervises and which outlive the rack.

What runs is read from the engine once, and then kept in step with it by its events, so that `observe` answers from
memory. While the events are lost, what runs is unknown. Everything that a restarted rack has to know stands in the
labels of the containers; only which of them were healthy is in files of its own (`record`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from sternway import threads
from sternway.core.errors import Conflict, EngineUnavailable, NotFound
from sternway.core.formation import Formation, FormationKey, FormationState, Health
from sternway.engines.docker.builds import builder
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls import events
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.containers.adoption import Adoption
from sternway.engines.docker.containers.attendance import Attendance
from sternway.engines.docker.containers.nursery import Nursery
from sternway.engines.docker.containers.picture import Picture
from sternway.engines.docker.containers.process import Asked, Process
from sternway.engines.docker.containers.record import Record
from sternway.engines.docker.containers.retired import Retired
from sternway.engines.docker.networks import Networks
from sternway.engines.docker.volumes import Volumes
from sternway.engines.epoch import EpochFile
from sternway.ports import Capabilities, Clock

FIRST_ANSWER_S = 10.0
"""How long a start of the rack waits for the engine, before it goes on without."""
FREEZES_WITHIN_S = 10.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
SWEEP_AFTER_S = 5.0
_STIRRING = frozenset({"start", "stop", "update", "pause", "unpause"})
_NOT_CONNECTED = "the Docker engine is not connected"


class DockerEngine:
    """Fills `ports.Engine`. `rack` is the id on the labels; `data` is the engine's directory in that of the rack."""

    def __init__(self, connection: Connection, rack: str, images: Images, *, data: Path, clock: Clock) -> None:
        self._connection = connection
        self._rack = rack
        self._data = data
        self._clock = clock
        self._problem = _NOT_CONNECTED
        self._epoch = EpochFile(data)
        self._record = Record(data)
        self._picture = Picture()
        self._api = Api(connection)
        self._networks = Networks(self._api, rack)
        self._volumes = Volumes(self._api, rack, data.parent)
        self._retired = Retired(self._api, rack)
        self._nursery = Nursery(self._api, rack, images, self._networks, self._volumes)
        self._attendance = Attendance(self._api, self._nursery, self._picture, self._record, clock=clock)
        self._adoption = Adoption(self._api, self._picture, self._record, self._attendance, clock)
        self._is_tried = asyncio.Event()
        self._to_sweep: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        """Return what containers can do."""
        return Capabilities("docker", can_freeze=True, can_exec=True, can_limit=True, can_contain=True)

    @property
    def problem(self) -> str:
        """Return why the engine does not answer now; nothing while it does."""
        return self._problem

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Adopt what runs, untouched, and keep in step with the engine until the block ends; that stops no process."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._record.open()
        await threads.uninterrupted(builder.sweep, self._data)
        tasks = self._attendance.tasks
        async with self._connection.opened():
            tasks.open()
            tasks.spawn(self._keep_in_step())
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FIRST_ANSWER_S):
                        await self._is_tried.wait()
                yield
            finally:
                await tasks.close()
                self._fall_out_of_step(_NOT_CONNECTED)
                self._is_tried.clear()
                self._to_sweep.clear()
                self._picture.clear()

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called whenever a process of the app changes, and at once for what is there."""
        self._picture.subscribe(listener)
        for app in self._picture.apps():
            listener(app)

    @property
    def epoch(self) -> int:
        """Return the highest epoch that was admitted."""
        return self._epoch.newest

    async def ensure(self, formation: Formation, count: int, *, epoch: int) -> None:
        """Fill the slots below `count`, and thaw who is frozen there.

        Returns once each has its container, which then starts by itself.
        """
        self._admit(epoch)
        present = self._picture.formation(formation.key, formation.release_id)
        if count > 0:
            present.is_retired = False
        for slot in range(count):
            if not present.is_filled(slot):
                self._attendance.begin(formation, slot, present.release_id)
        for process in present.processes:
            if process.berth.slot < count and (process.is_frozen or process.asked is Asked.FREEZE):
                self._attendance.ask(process, Asked.THAW)
        awaited = [p.is_launched for p in present.processes if p.berth.slot < count]
        if awaited:
            await asyncio.wait(awaited)
        for launched in awaited:
            launched.result()

    async def retire(self, key: FormationKey, *, keep: int, epoch: int) -> None:
        """Begin to stop the processes in the slots from `keep` on; that lasts, whatever happens to the rack."""
        self._admit(epoch)
        present = self._picture.find(key)
        if present is None:
            return
        present.is_retired = keep == 0
        await self._stop([p for p in present.processes if p.berth.slot >= keep])
        self._picture.forget_if_over(key)

    async def _stop(self, processes: Sequence[Process]) -> None:
        leaving = [p for p in processes if not p.is_stopping]
        for process in leaving:
            self._attendance.ask(process, Asked.STOP)
        await asyncio.gather(*(self._attendance.leave(p.container_id) for p in leaving if p.container_id))

    async def freeze(self, key: FormationKey, *, epoch: int) -> None:
        """Pause every container that is up, and stop the others; it is forgotten when the last is gone.

        A container that is paused is not started again by its engine, whatever happens to that.
        """
        self._admit(epoch)
        present = self._picture.find(key)
        if present is None:
            return
        present.is_retired = True
        freezing = {p: p.freeze(self._clock.monotonic()) for p in present.processes if _can_be_frozen(p)}
        others = [p for p in present.processes if p not in freezing]
        if freezing:
            await asyncio.wait(freezing.values(), timeout=FREEZES_WITHIN_S)
            self._check_in_step()
        await self._stop([*others, *(p for p, frozen in freezing.items() if not frozen.done())])

    async def examine(self, key: FormationKey) -> None:
        """Probe every process that is up, side by side; without a port the engine is asked."""
        self._check_in_step()
        present = self._picture.find(key)
        await asyncio.gather(*(self._attendance.examine(p) for p in (present.processes if present else ())))

    async def restart(self, key: FormationKey, process_id: str, *, epoch: int) -> None:
        """Stop one process and start it again, in its slot, under its id; raises NotFound."""
        self._admit(epoch)
        present = self._picture.find(key)
        process = next((p for p in present.processes if p.id == process_id), None) if present else None
        if process is None:
            raise NotFound(f"process not found: {process_id}", hint="list them: sternway ps")
        self._attendance.ask(process, Asked.RESTART)

    async def forget(self, app: str, *, epoch: int, owner: int = 0) -> None:
        """Drop the containers and the network of an app of which nothing runs; its volumes are put aside.

        Raises Conflict while something runs. Called twice it does nothing more.
        """
        await self.withdraw(app, epoch=epoch)
        try:
            await self._volumes.leave(app, owner)
        except Declined as problem:
            raise EngineUnavailable(f"volumes of {app} cannot be put aside: {problem.reason}") from problem

    async def recall(self, app: str, *, epoch: int, owner: int) -> bool:
        """Bring back the volumes that were put aside for this owner; raises Conflict."""
        self._admit(epoch)
        try:
            return await self._volumes.recall(app, owner)
        except Declined as problem:
            raise EngineUnavailable(f"volumes of {app} cannot be brought back: {problem.reason}") from problem

    async def withdraw(self, app: str, *, epoch: int) -> None:
        """Drop the containers and the network of an app of which nothing runs. Images and volumes stay as they are.

        Raises Conflict while something runs. Called twice it does nothing more.
        """
        self._admit(epoch)
        if app in self._picture.apps():
            raise Conflict(f"processes of {app} still run", hint="wait until they are gone")
        try:
            await self._retired.forget(app)
            await self._networks.forget(app)
        except Declined as problem:
            raise EngineUnavailable(f"what is kept of {app} cannot be dropped: {problem.reason}") from problem

    async def observe(self, app: str) -> tuple[FormationState, ...]:
        """Return every formation of the app, sorted by key."""
        self._check_in_step()
        return self._picture.of_app(app)

    # --- keeping in step ---

    def _admit(self, epoch: int) -> None:
        self._check_in_step()
        self._epoch.admit(epoch)

    def _check_in_step(self) -> None:
        if not self._attendance.in_step.is_set():
            raise EngineUnavailable(self._problem, hint="is the engine running? try: docker info")

    async def _keep_in_step(self) -> None:
        """Follow the engine for as long as the rack runs, and connect again whenever it was lost."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with events.opened(self._connection, self._rack) as happening:
                    await self._catch_up()
                    pause = FIRST_PAUSE_S
                    async for event in happening:
                        self._hear(event)
            except EngineUnavailable as problem:
                self._fall_out_of_step(problem.message)
            except Declined as problem:
                self._fall_out_of_step(f"the Docker engine declines: {problem.reason}")
            self._is_tried.set()
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _fall_out_of_step(self, problem: str) -> None:
        was_in_step = self._attendance.in_step.is_set()
        self._problem = problem
        self._attendance.in_step.clear()
        if was_in_step:
            self._notify(self._picture.apps())

    async def _catch_up(self) -> None:
        """Make the picture what the engine says, and tell everybody."""
        before = self._picture.apps()
        info = await self._api.get("info")
        said = info.get("SecurityOptions") or ()
        self._nursery.is_published = bool(info.get("Rootless")) or any("rootless" in option for option in said)
        await asyncio.gather(self._networks.learn(), self._volumes.learn())
        await self._adoption.everything(self._rack)
        self._problem = ""
        self._attendance.in_step.set()
        self._is_tried.set()
        self._notify(before | self._picture.apps())
        for app in self._picture.apps():
            self._sweep_soon(app)

    def _hear(self, event: events.Event) -> None:
        """Take over an event: what is plain at once, and the rest by a look at the container."""
        process = self._picture.of_container(event.container_id)
        if process is None:
            if event.what in ("create", "start") and event.marks.get("name") not in self._nursery.names:
                self._attendance.tasks.spawn(self._meet(event.container_id))
        elif event.what == "destroy":
            self._adoption.let_go(event.container_id)
        elif event.what == "die":
            self._picture.change(process, lambda: process.end(event.marks.get("exitCode", "?")))
            self._sweep_soon(process.berth.key.app)
        elif event.what == "oom":
            process.run_out_of_memory()
        elif event.what in _STIRRING:
            process.stir()

    async def _meet(self, container_id: str) -> None:
        with contextlib.suppress(EngineUnavailable):
            await self._adoption.one(container_id)

    def _sweep_soon(self, app: str) -> None:
        if app not in self._to_sweep:
            self._to_sweep.add(app)
            self._attendance.tasks.spawn(self._sweep(app))

    async def _sweep(self, app: str) -> None:
        """Remove what is over and too old, some time after it ended: while an app changes, there is better to do."""
        await self._clock.sleep(SWEEP_AFTER_S)
        self._to_sweep.discard(app)
        with contextlib.suppress(EngineUnavailable, Declined):
            await self._retired.sweep(app, self._clock.now(), self._picture.container_ids())

    def _notify(self, apps: set[str]) -> None:
        for app in apps:
            self._picture.notify(app)


def _can_be_frozen(process: Process) -> bool:
    return process.state().health in (Health.HEALTHY, Health.UNHEALTHY, Health.FROZEN)
