"""What is done for each process for as long as it is there: made, started, watched, started again, stopped.

One task attends to one process, so that nothing is done to a container twice at once. It rests until something
stirs its process: an event of the engine, or somebody who asks for something.
"""

import asyncio
import functools
import math
import re
import secrets
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

from sternway.core.errors import EngineUnavailable
from sternway.core.formation import Formation, Health
from sternway.engines import health
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.containers import creation, observed
from sternway.engines.docker.containers.nursery import ImageMissing, Nursery, Unstartable
from sternway.engines.docker.containers.observed import Container
from sternway.engines.docker.containers.picture import Picture
from sternway.engines.docker.containers.process import SHORT_ID, Asked, Process
from sternway.engines.docker.containers.record import Record
from sternway.engines.docker.containers.tasks import Tasks
from sternway.ports import Clock

STARTS_AT_ONCE = 8
STOPS_AT_ONCE = 32
OVERDUE_S = 10.0
"""How much longer than its grace a stop may take, before the container is killed without further ado."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 60.0
STEADY_S = 10.0
"""A process that has run so long is one that worked: its next start is the first again."""
_STUCK = re.compile(r"\btask [0-9a-f]{64}: already exists")
LOOK_AGAIN_S = 5.0
"""How long an engine is trusted to start a container again without a word."""


class Attendance:
    """Attends to every process of a picture. `in_step` is set while the engine answers and the picture is right."""

    def __init__(self, api: Api, nursery: Nursery, picture: Picture, record: Record, *, clock: Clock) -> None:
        self.in_step = asyncio.Event()
        self.tasks = Tasks()
        self._api = api
        self._rack = nursery.rack
        self._nursery = nursery
        self._picture = picture
        self._record = record
        self._clock = clock
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._stops = asyncio.Semaphore(STOPS_AT_ONCE)

    def begin(self, formation: Formation, slot: int, release_id: str) -> None:
        """Have a container made for a slot, and attend to it."""
        process = self._new(creation.berth(formation, slot, release_id))
        self._picture.add(process)
        process.attending = self.tasks.spawn(self._attend_new(process, creation.Order(process.berth, formation)))

    def adopt(self, container: Container, *, was_healthy: bool, is_double: bool) -> None:
        """Attend to a container that is there already; a double, which nobody has started, is stopped."""
        process = self._new(container.berth)
        process.memory = self._record.read(container.id)
        process.settle(container.id)
        launch(process)
        if is_double:
            process.ask(Asked.STOP, self._clock.monotonic())
        self.take(process, container, was_healthy=was_healthy)
        self._picture.add(process)
        process.attending = self.tasks.spawn(self._attend(process))

    def ask(self, process: Process, asked: Asked) -> None:
        """Ask a process for something."""
        self._picture.change(process, lambda: process.ask(asked, self._clock.monotonic()))

    def take(self, process: Process, container: Container, last_line: str = "", *, was_healthy: bool = False) -> None:
        """Take over what the engine says of the container of a process."""
        if not container.is_wanted and not _is_frosty(process, container):
            process.ask(Asked.STOP, self._clock.monotonic())
        before, memory = process.state(), process.memory
        is_new = process.take(container, last_line)
        if is_new or process.is_thawed or (process.is_up and process.watching is None):
            self._watch(process, was_healthy=was_healthy)
        elif not process.is_up:
            unwatch(process)
        if process.memory != memory:
            self._record.write(process.container_id, process.memory)
        if process.state() != before:
            self._picture.notify(process.berth.key.app)

    def remove(self, process: Process) -> None:
        """Let go of a process whose container is gone."""
        unwatch(process)
        process.answer()
        if process.attending and process.attending is not asyncio.current_task():
            process.attending.cancel()
        launch(process)
        if process.container_id:
            self._record.forget(process.container_id)
        self._picture.remove(process)

    async def leave(self, container_id: str) -> bool:
        """Have the engine not start a container again; False if it is gone, or its engine cannot do that."""
        return await self._set_policy(container_id, creation.LEFT_TO_ITSELF)

    async def _keep(self, container_id: str) -> bool:
        """Have the engine start a container again when it ends."""
        return await self._set_policy(container_id, creation.KEPT_BY_ENGINE)

    async def _set_policy(self, container_id: str, name: str) -> bool:
        policy = {"RestartPolicy": {"Name": name}}
        return await self._is_done(self._api.post(f"containers/{container_id}/update", policy))

    async def inspect(self, container_id: str) -> Container | None:
        """Return a container; None if it is not there."""
        try:
            return observed.read(await self._api.get(f"containers/{container_id}/json"), self._rack)
        except Declined as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise EngineUnavailable(f"the engine says nothing of a container: {problem.reason}") from problem

    # --- one process ---

    def _new(self, berth: creation.Berth) -> Process:
        return Process(secrets.token_hex(SHORT_ID // 2), berth, self._clock.now())

    async def _attend_new(self, process: Process, order: creation.Order) -> None:
        """Make its container, however often that has to be tried, unless it is not wanted any more."""
        while not process.container_id and not process.is_stopping:
            try:
                await self._make(process, order)
            except ImageMissing:
                await self._bring_back(process, order)
            except Unstartable as problem:
                await self._refuse_and_rest(process, str(problem))
            except EngineUnavailable as problem:
                if not process.is_launched.done():
                    process.is_launched.set_exception(problem)
                    process.is_launched.exception()  # taken, since nobody may wait for it any more
                    return self.remove(process)
                await self._back_in_step()
        if process.container_id:
            return await self._attend(process)
        self.remove(process)

    async def _make(self, process: Process, order: creation.Order) -> None:
        """Make its container, and start it."""
        async with self._starts:
            process.settle(await self._nursery.make(order))
            self._picture.settle(process)
            launch(process)
            if not process.asked:
                await self._start(process)

    async def _bring_back(self, process: Process, order: creation.Order) -> None:
        """Fetch its image, which may take minutes: nobody waits for it."""
        launch(process)
        try:
            await self._nursery.bring_back(order)
        except Unstartable as problem:
            await self._refuse_and_rest(process, str(problem))

    async def _refuse_and_rest(self, process: Process, problem: str) -> None:
        launch(process)
        self._refuse(process, problem)
        await self._rest(process, process.start_not_before - self._clock.monotonic())
        process.stirred.clear()

    async def _attend(self, process: Process) -> None:
        while self._picture.of_container(process.container_id) is process:
            try:
                await self._step(process)
            except EngineUnavailable:
                await self._back_in_step()

    async def _step(self, process: Process) -> None:
        """Do what is to be done now, or wait until something is; then look how it is."""
        if process.asked is Asked.STOP:
            await self._stop(process)
        elif process.asked is Asked.RESTART:
            await self._restart(process)
        elif process.asked is Asked.FREEZE:
            await self._freeze(process)
        elif process.asked is Asked.THAW:
            await self._thaw(process)
        elif process.is_to_be_started and not process.stirred.is_set():
            pause = process.start_not_before - self._clock.monotonic()
            if pause > 0:
                await self._rest(process, pause)
            else:
                async with self._starts:
                    await self._start(process)
        elif process.container and process.container.is_pausing:
            await self._rest(process, LOOK_AGAIN_S)
        else:
            await process.stirred.wait()
        process.stirred.clear()
        await self._look(process)

    async def _start(self, process: Process) -> None:
        """Start its container, and look what came of it: that says where it is reached, or why it failed."""
        self._pause_before_next(process)
        problem = ""
        try:
            await self._nursery.start(process.container_id, process.berth.key.app)
        except Declined as declined:
            problem = declined.reason
        if _STUCK.search(problem):
            # An engine that was restarted may never start it again: another one takes its place.
            await self._remove(process.container_id)
        process.was_started()
        await self._look(process)
        if problem and process.container and process.container.is_fresh:
            self._refuse(process, f"no container can be started: {problem}")

    async def _restart(self, process: Process) -> None:
        grace_s = process.berth.grace_s
        within_s = grace_s + 2 * OVERDUE_S
        path, options = f"containers/{process.container_id}/restart", {"t": str(math.ceil(grace_s))}
        try:
            if process.container and not process.container.is_wanted:
                await self._keep(process.container_id)  # it was frozen
            is_done = await self._is_done(self._api.post(path, within_s=within_s, **options))
            if not is_done and process.container and process.container.is_paused:
                # Not every engine stops what is paused.
                await self._is_done(self._api.post(f"containers/{process.container_id}/unpause"))
                await self._is_done(self._api.post(path, within_s=within_s, **options))
        finally:
            self._picture.change(process, lambda: process.have_done(Asked.RESTART))

    async def _freeze(self, process: Process) -> None:
        """Pause its container; one that cannot be paused is stopped.

        Its engine must not start it again, as when it was itself restarted: it would run then.
        """
        await self._is_done(self._api.post(f"containers/{process.container_id}/pause"))
        await self._look(process)
        if process.is_frozen:
            await self.leave(process.container_id)
        elif process.asked is Asked.FREEZE:
            self.ask(process, Asked.STOP)
        self._picture.change(process, lambda: process.have_done(Asked.FREEZE))

    async def _thaw(self, process: Process) -> None:
        """Have its container run again, see how it is, and only then have its engine keep it running."""
        await self._is_done(self._api.post(f"containers/{process.container_id}/unpause"))
        await self._look(process)
        if not process.is_stopping:
            await self._keep(process.container_id)
        self._picture.change(process, lambda: process.have_done(Asked.THAW))

    async def _stop(self, process: Process) -> None:
        """Stop its container for good; one that does not stop in time is killed, and one never started removed."""
        container_id, grace_s = process.container_id, process.berth.grace_s
        if process.container is None or not process.container.has_run:
            return await self._remove(container_id)
        is_left = await self.leave(container_id)
        if self._clock.monotonic() > process.asked_at + grace_s + OVERDUE_S:
            await self._is_done(self._api.post(f"containers/{container_id}/kill"))
        async with self._stops:
            stopping = self._api.post(
                f"containers/{container_id}/stop", within_s=grace_s + OVERDUE_S, t=str(math.ceil(grace_s))
            )
            await self._is_done(stopping)
        if not is_left:
            await self._remove(container_id)  # it would be started again, and is not wanted

    async def _remove(self, container_id: str) -> None:
        await self._is_done(self._api.delete(f"containers/{container_id}", force="1", v="1"))

    async def _look(self, process: Process) -> None:
        """See how its container is now."""
        container = await self.inspect(process.container_id)
        if container is None or not (container.is_wanted or container.is_up or container.is_pausing):
            if container and not container.has_run:  # it looked like a run for a moment: nothing was printed
                await self._remove(container.id)
            return self.remove(process)
        is_over = not (container.is_up or container.is_fresh or process.is_leaving)
        last_line = await self._last_line(container) if is_over else ""
        self.take(process, container, last_line)

    async def _last_line(self, container: Container) -> str:
        if container.error:
            return ""
        try:
            path = f"containers/{container.id}/logs"
            return creation.last_line(await self._api.read(path, stdout="1", stderr="1", tail="1"))
        except Declined:
            return ""

    # --- health ---

    async def examine(self, process: Process) -> None:
        """Ask a process how it is; what comes after its run or a freeze ended says nothing."""
        watching, container = process.watching, process.container
        if container is None or process.state().health not in (Health.HEALTHY, Health.UNHEALTHY):
            return
        if container.endpoint:
            wrong = await health.examine(health.ask, container.endpoint, process.berth.health)
        else:
            there = await self.inspect(container.id)
            wrong = "" if there and there.is_up and there.started_at == container.started_at else "is gone"
        if process.watching is watching:
            self._tell(process, Health.UNHEALTHY if wrong else Health.HEALTHY, wrong)

    def _tell(self, process: Process, seen: Health, detail: str) -> None:
        memory = process.memory
        self._picture.change(process, lambda: process.tell(seen, detail))
        if process.memory != memory:
            self._record.write(process.container_id, process.memory)

    def _watch(self, process: Process, *, was_healthy: bool) -> None:
        """Probe the run that has begun, or goes on; one that was healthy before the rack restarted still is."""
        unwatch(process)
        if process.container is None or not process.is_up:
            return
        is_thawed, endpoint = process.is_thawed, process.container.endpoint
        was_healthy = was_healthy or process.memory.healthy_run == process.run or (is_thawed and endpoint is None)
        if was_healthy:
            process.tell(Health.HEALTHY, "")
        tell = functools.partial(self._tell, process)
        watch = health.Watch(process.berth.health, endpoint, health.ask, self._clock, tell)
        process.watching = self.tasks.spawn(watch.keep(was_healthy=was_healthy, is_thawed=is_thawed))

    # --- waiting ---

    def _refuse(self, process: Process, problem: str) -> None:
        self._pause_before_next(process)
        self._picture.change(process, lambda: process.refuse(problem))

    def _pause_before_next(self, process: Process) -> None:
        """Let the next start wait, longer after each; the first after a steady run does not wait."""
        now = self._clock.monotonic()
        if now > process.start_not_before + STEADY_S:
            process.failures = 0
        pause = min(FIRST_PAUSE_S * 2**process.failures, LONGEST_PAUSE_S)
        process.failures = min(process.failures + 1, 16)
        process.start_not_before = now + pause

    async def _rest(self, process: Process, seconds: float) -> None:
        """Wait so long, or until something stirs the process."""
        sleeping = asyncio.ensure_future(self._clock.sleep(max(seconds, 0.0)))
        stirring = asyncio.ensure_future(process.stirred.wait())
        try:
            await asyncio.wait({sleeping, stirring}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stirring.cancel()

    async def _back_in_step(self) -> None:
        """Wait until the engine answers again, and never less than a moment."""
        await self._clock.sleep(FIRST_PAUSE_S)
        await self.in_step.wait()

    async def _is_done(self, doing: Coroutine[Any, Any, Any]) -> bool:
        """Have something done to a container, and tell whether the engine did: a look shows what came of it."""
        try:
            await doing
        except Declined:
            return False
        return True


def launch(process: Process) -> None:
    """Let those go on who wait for a process to be on its way."""
    if not process.is_launched.done():
        process.is_launched.set_result(None)


def _is_frosty(process: Process, container: Container) -> bool:
    """Tell whether it is, or was just now, frozen: its engine is then not to start it again, though it is wanted."""
    return container.is_paused or process.asked in (Asked.FREEZE, Asked.THAW)


def unwatch(process: Process) -> None:
    """End the probes of a process."""
    if process.watching:
        process.watching.cancel()
        process.watching = None
