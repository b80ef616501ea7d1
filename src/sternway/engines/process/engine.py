"""The process engine: formations as plain processes, each beside a supervisor that outlives the rack.

Nothing is polled but health: supervisors report every change over a connection, and `observe` answers from
memory. What a restarted rack needs to know stands in files (`slots`), except environments, which stand in
none: a process that is started again by itself gets its own from its supervisor.
"""

import asyncio
import contextlib
import functools
import logging
import random
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sternway.core.errors import Conflict, EngineUnavailable, NotFound
from sternway.core.formation import Formation, FormationKey, FormationState, Health, ProcessState
from sternway.engines import epoch, health
from sternway.engines.process import adoption, builder, isolation, link, nursery, orders, ports, slots, users
from sternway.engines.process.process import Process
from sternway.engines.process.report import Report
from sternway.ports import Capabilities, Clock

MAX_STARTS_AT_ONCE = 8
ANSWERS_WITHIN_S = 10.0
FREEZES_WITHIN_S = 5.0
STOPS_WITHIN_S = 5.0
"""How much longer than its grace a stop may take, before its supervisor is taken to hang."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Formation:
    """The processes of a formation; it is there until the last is gone after a retirement of all."""

    release_id: str
    processes: list[Process] = field(default_factory=list)
    is_retired: bool = False

    def is_filled(self, number: int) -> bool:
        return any(p.slot.number == number and not p.is_stopping for p in self.processes)


class ProcessEngine:
    """Fills `ports.Engine`. `data` is the engine's directory in that of the rack; one engine uses it at a time.

    `survey` finds out, each time that it is run, what this machine lends to keep processes apart.
    """

    def __init__(
        self,
        data: Path,
        *,
        clock: Clock,
        probe: health.Probe | None = None,
        dice: random.Random | None = None,
        survey: Callable[[Path], isolation.Isolation] = isolation.find,
    ) -> None:
        self._data = data
        self._clock = clock
        self._probe = probe or health.ask
        self._dice = dice or random.SystemRandom()
        self._slots = slots.Slots(data / "processes")
        self._epoch = epoch.EpochFile(data)
        self._nursery = nursery.Nursery(sys.executable, data / "supervisors.log")
        self._survey = survey
        self._isolation = isolation.Isolation()
        self._orders = orders.Orders(data, self._slots, users.Users(data, self._dice))
        self._formations: dict[FormationKey, _Formation] = {}
        self._once: dict[str, Process] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts = asyncio.Semaphore(MAX_STARTS_AT_ONCE)

    @property
    def capabilities(self) -> Capabilities:
        """Return what plain processes can do; limits are known once the engine was run."""
        return Capabilities("process", can_freeze=True, can_exec=True, can_limit=self._isolation.can_limit)

    @property
    def problem(self) -> str:
        """Return nothing: its processes are this machine's."""
        return ""

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Adopt what runs, untouched, and watch it until the block ends; that stops no process."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._isolation = await asyncio.to_thread(self._survey, self._data)
        self._tell_isolation()
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await self._nursery.open()
                await asyncio.to_thread(builder.sweep, self._data)
                there = await asyncio.to_thread(adoption.find, self._slots)
                for found in there:
                    self._adopt(found)
                alive = {found.slot.id for found in there}
                await asyncio.to_thread(adoption.sweep, set(self._isolation.groups.values()), alive)
                yield
            finally:
                self._group = None
                for task in self._tasks:
                    task.cancel()
                await self._nursery.close()
        self._formations.clear()
        self._once.clear()

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called whenever a process of the app changes, and at once for what is there."""
        self._listeners.append(listener)
        for app in {key.app for key in self._formations}:
            listener(app)

    @property
    def epoch(self) -> int:
        """Return the highest epoch that was admitted."""
        return self._epoch.newest

    async def ensure(self, formation: Formation, count: int, *, epoch: int) -> None:
        """Fill the slots below `count`, and thaw who is frozen there; returns once each has its supervisor."""
        self._admit(epoch)
        there = self._formations.setdefault(formation.key, _Formation(formation.release_id))
        if count > 0:
            there.is_retired = False
        for number in range(count):
            if not there.is_filled(number):
                self._start(formation, there, number)
        for process in there.processes:
            if process.slot.number < count:
                self._change(process, process.thaw)
        awaited = [p.is_launched for p in there.processes if p.slot.number < count]
        if awaited:
            await asyncio.wait(awaited)
        for launched in awaited:
            launched.result()

    async def retire(self, key: FormationKey, *, keep: int, epoch: int) -> None:
        """Begin to stop the processes in the slots from `keep` on."""
        self._admit(epoch)
        there = self._formations.get(key)
        if there is None:
            return
        for process in there.processes:
            if process.slot.number >= keep:
                self._stop(process)
        there.is_retired = keep == 0
        self._forget_if_over(key)

    async def freeze(self, key: FormationKey, *, epoch: int) -> None:
        """Freeze every process that is up, and stop the others; it is forgotten when the last is gone."""
        self._admit(epoch)
        there = self._formations.get(key)
        if there is None:
            return
        asked = {process: process.freeze() for process in there.processes}
        there.is_retired = True
        if awaited := [each for each in asked.values() if each]:
            await asyncio.wait(awaited, timeout=FREEZES_WITHIN_S)
        for process, frozen in asked.items():
            if frozen is None or not frozen.done():
                self._stop(process)

    async def examine(self, key: FormationKey) -> None:
        """Probe every process that is up, side by side; without a port it is looked for."""
        self._running()
        there = self._formations.get(key)
        await asyncio.gather(*(self._examine(process) for process in (there.processes if there else ())))

    async def restart(self, key: FormationKey, process_id: str, *, epoch: int) -> None:
        """Stop one process and start it again, in its slot, under its id; raises NotFound."""
        self._admit(epoch)
        there = self._formations.get(key)
        process = next((p for p in there.processes if p.slot.id == process_id), None) if there else None
        if process is None:
            raise NotFound(f"process not found: {process_id}", hint="list them: sternway ps")
        self._change(process, process.restart)
        self._insist(process)

    async def forget(self, app: str, *, epoch: int, owner: int = 0) -> None:
        """Drop what is kept of an app of which nothing runs: logs and user; its volumes are put aside.

        Raises Conflict while something runs; what runs once is stopped. Called twice it does nothing more.
        """
        self._admit(epoch)
        there = self.of_app(app)
        for process in there:
            if process.slot.is_once:
                await self.stop_once(process, epoch=epoch)
        if there or any(key.app == app for key in self._formations):
            raise Conflict(f"processes of {app} still run", hint="wait until they are gone")
        try:
            await asyncio.to_thread(self._orders.forget, app, owner)
        except OSError as exc:
            raise EngineUnavailable(f"what is kept of {app} cannot be dropped: {exc}") from exc

    async def recall(self, app: str, *, epoch: int, owner: int) -> bool:
        """Bring back the volumes that were put aside for this owner; raises Conflict."""
        self._admit(epoch)
        try:
            return await asyncio.to_thread(self._orders.recall, app, owner)
        except OSError as exc:
            raise EngineUnavailable(f"volumes of {app} cannot be brought back: {exc}") from exc

    async def withdraw(self, app: str, *, epoch: int) -> None:
        """Do nothing: all that it keeps is in the rack's own directory."""

    async def observe(self, app: str) -> tuple[FormationState, ...]:
        """Return every formation of the app, sorted by key."""
        self._running()
        return tuple(
            FormationState(key, there.release_id, _states(there.processes))
            for key, there in sorted(self._formations.items())
            if key.app == app
        )

    # --- single processes ---

    def of_app(self, app: str) -> Sequence[Process]:
        """Return every process of an app that is there, also those that run once; raises EngineUnavailable."""
        self._running()
        grouped = [process for there in self._formations.values() for process in there.processes]
        return [process for process in (*grouped, *self._once.values()) if process.slot.key.app == app]

    async def launch(self, formation: Formation, *, epoch: int) -> Process:
        """Start a process of this content once, of no formation; returns once it has its supervisor."""
        self._admit(epoch)
        process = self._begin(formation, 0, formation.release_id, is_once=True)
        self._once[process.slot.id] = process
        self._notify(formation.key.app)
        await asyncio.wait([process.is_launched])
        process.is_launched.result()
        return process

    async def stop_once(self, process: Process, *, epoch: int) -> None:
        """Begin to stop a process that runs once."""
        self._admit(epoch)
        self._stop(process)

    # --- starting ---

    def _admit(self, epoch: int) -> None:
        self._running()
        self._epoch.admit(epoch)

    def _running(self) -> asyncio.TaskGroup:
        if self._group is None:
            raise EngineUnavailable("the process engine is not running", hint="start the rack")
        return self._group

    def _start(self, formation: Formation, there: _Formation, number: int) -> None:
        """Have a process launched in a slot; it is there at once."""
        there.processes.append(self._begin(formation, number, there.release_id))
        self._notify(formation.key.app)

    def _begin(self, formation: Formation, number: int, release_id: str, *, is_once: bool = False) -> Process:
        """Decide on a process, and have it launched."""
        port, reservation = ports.reserve(self._dice) if formation.port is not None else (None, None)
        slot = slots.Slot(
            id=f"{self._dice.getrandbits(40):010x}",
            key=formation.key,
            number=number,
            release_id=release_id,
            command=formation.command or "",
            health=formation.health,
            grace_s=formation.grace_s,
            created_at=self._clock.now(),
            port=port,
            is_once=is_once,
        )
        process = Process(slot)
        self._spawn(self._launch(process, formation, [reservation] if reservation else []))
        return process

    async def _launch(self, process: Process, formation: Formation, keep: Sequence[socket.socket]) -> None:
        try:
            async with self._starts:
                order = functools.partial(self._orders.order, process.slot, formation, self._isolation)
                connection = await self._nursery.start(order, keep)
        except (EngineUnavailable, OSError) as problem:
            self._remove(process)
            process.is_launched.set_exception(EngineUnavailable(f"no process can be started: {problem}"))
            return
        finally:
            for reservation in keep:
                reservation.close()
        process.is_launched.set_result(None)
        await self._attend(process, connection)

    def _adopt(self, found: adoption.Found) -> None:
        process = Process(found.slot, found.report)
        process.is_launched.set_result(None)
        if process.is_running:
            self._watch(process)
        if found.slot.is_once:
            self._once[found.slot.id] = process
        else:
            there = self._formations.setdefault(found.slot.key, _Formation(found.slot.release_id))
            there.processes.append(process)
            there.is_retired = all(each.is_frozen or each.is_stopping for each in there.processes)
        self._spawn(self._attend(process, found.connection))

    # --- watching ---

    async def _attend(self, process: Process, connection: socket.socket) -> None:
        """Follow one process until it is over. Its supervisor going away without a word is an end, too."""
        supervisor = await link.over(connection)
        try:
            process.attach(supervisor)
            if process.guard is None:
                self._guard(process, ANSWERS_WITHIN_S, self._on_silence)
            is_over = await self._follow(process, supervisor)
        finally:
            await supervisor.close()
        await asyncio.to_thread(self._clear_up, process.slot, is_over)
        self._remove(process)

    async def _follow(self, process: Process, supervisor: link.Link) -> bool:
        async for said in supervisor.reports():
            if said.problem:
                _log.error(
                    "A supervisor refused its order.", extra={"process_id": process.slot.id, "problem": said.problem}
                )
            if said.is_over:
                return True
            self._change(process, functools.partial(self._take, process, said))
        return False

    def _stop(self, process: Process) -> None:
        self._change(process, process.stop)
        self._insist(process)

    def _insist(self, process: Process) -> None:
        """See to it that what was asked to stop does, also if its supervisor hangs."""
        if process.is_asked:
            self._guard(process, process.slot.grace_s + STOPS_WITHIN_S, self._on_overdue)

    def _guard(self, process: Process, seconds: float, then: Callable[[Process], Awaitable[None]]) -> None:
        """Look at a process again after so long; one look is due at a time."""

        async def look() -> None:
            await self._clock.sleep(seconds)
            await then(process)

        if process.guard:
            process.guard.cancel()
        process.guard = self._spawn(look())

    async def _on_silence(self, process: Process) -> None:
        """Give up a start of which nothing is heard; one that an earlier rack knew well is left alone."""
        if process.is_heard:
            return
        _log.warning("A supervisor does not answer.", extra={"process_id": process.slot.id})
        if not process.is_known:
            await self._give_up(process)

    async def _on_overdue(self, process: Process) -> None:
        if process.is_asked:
            _log.warning("A process does not stop; it is killed.", extra={"process_id": process.slot.id})
            await self._give_up(process)

    async def _give_up(self, process: Process) -> None:
        """End a process without its supervisor, which ends as well."""
        await asyncio.to_thread(self._clear_up, process.slot, False)
        process.hang_up()

    def _clear_up(self, slot: slots.Slot, is_over: bool) -> None:
        try:
            if is_over:
                self._slots.end(slot)
                return
            _log.warning("A supervisor is gone; what is left of its process is ended.", extra={"process_id": slot.id})
            adoption.clear(self._slots, slot)
        except OSError as problem:
            _log.error(
                "The files of a process could not be cleared up.",
                extra={"process_id": slot.id, "problem": str(problem)},
            )

    def _take(self, process: Process, said: Report) -> None:
        if process.take(said) or process.is_thawed:
            self._watch(process)
        elif not process.is_running:
            self._unwatch(process)
        if process.is_frozen:
            self._record_healthy(process, "")

    async def _examine(self, process: Process) -> None:
        """Ask a process how it is; what comes after its run or a freeze ended says nothing."""
        watching, endpoint = process.watching, process.slot.endpoint
        if process.state().health not in (Health.HEALTHY, Health.UNHEALTHY):
            return
        if endpoint:
            wrong = await health.examine(self._probe, endpoint, process.slot.health)
        else:
            wrong = "" if process.report and process.report.is_alive() else "is gone"
        if process.watching is watching:
            seen = Health.UNHEALTHY if wrong else Health.HEALTHY
            self._change(process, lambda: process.tell(seen, wrong))

    def _watch(self, process: Process) -> None:
        """Probe the run that has begun, or goes on; one that was healthy before the rack restarted still is."""
        self._unwatch(process)
        if process.slot.is_once:
            process.tell(Health.HEALTHY, "")
            return
        is_thawed, endpoint = process.is_thawed, process.slot.endpoint
        was_healthy = process.slot.healthy_run == process.run or (is_thawed and endpoint is None)
        if was_healthy:
            process.tell(Health.HEALTHY, "")

        def tell(seen: Health, detail: str) -> None:
            self._change(process, lambda: process.tell(seen, detail))
            if seen is Health.HEALTHY:
                self._record_healthy(process, process.run)

        watch = health.Watch(process.slot.health, endpoint, self._probe, self._clock, tell)
        process.watching = self._spawn(watch.keep(was_healthy=was_healthy, is_thawed=is_thawed))

    def _unwatch(self, process: Process) -> None:
        if process.watching:
            process.watching.cancel()
            process.watching = None

    def _record_healthy(self, process: Process, run: str) -> None:
        """Record the run that is healthy; what is frozen will have to show again that it is."""
        if process.slot.healthy_run != run:
            process.slot = replace(process.slot, healthy_run=run)
            with contextlib.suppress(OSError):
                self._slots.write(process.slot)

    def _remove(self, process: Process) -> None:
        self._unwatch(process)
        process.leave()
        if process.guard and process.guard is not asyncio.current_task():
            process.guard.cancel()
        self._once.pop(process.slot.id, None)
        there = self._formations.get(process.slot.key)
        if there and process in there.processes:
            there.processes.remove(process)
        self._forget_if_over(process.slot.key)

    def _forget_if_over(self, key: FormationKey) -> None:
        there = self._formations.get(key)
        if there and there.is_retired and not there.processes:
            del self._formations[key]
        self._notify(key.app)

    # --- telling ---

    def _tell_isolation(self) -> None:
        found = self._isolation
        if found.is_open:
            _log.warning("Apps run as root, as this rack does: nothing keeps them apart.", extra=dict(found.problems))
        _log.info(
            "Processes are kept apart.",
            extra={"users": found.has_users, "bubblewrap": bool(found.sandbox), "limits": found.can_limit},
        )

    def _change(self, process: Process, change: Callable[[], None]) -> None:
        before = process.state()
        change()
        if process.state() != before:
            self._notify(process.slot.key.app)

    def _notify(self, app: str) -> None:
        for listener in self._listeners:
            listener(app)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._running().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _states(processes: Sequence[Process]) -> tuple[ProcessState, ...]:
    return tuple(sorted((p.state() for p in processes), key=lambda state: (state.slot, state.started_at)))
