"""What is done with single processes of the process engine: those that run once, and what goes on inside one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path

from sternway.core.errors import NotFound, Refused
from sternway.core.formation import Formation, Health
from sternway.engines.process import connections, copies, meter, one_offs, sessions
from sternway.engines.process.engine import ProcessEngine
from sternway.engines.process.process import Process
from sternway.engines.process.slots import Slots
from sternway.ports import Clock, Execution, OneOff, Pipe, Session, Usage

MAX_SESSIONS = 100


class SingleProcesses:
    """Fills `ports.Processes`. `data` is the directory that the engine has as well."""

    def __init__(self, engine: ProcessEngine, data: Path, *, clock: Clock) -> None:
        self._engine = engine
        self._slots = Slots(data / "processes")
        self._clock = clock
        self._meter = meter.Meter()
        self._sessions = 0

    async def launch(self, formation: Formation, *, epoch: int) -> OneOff:
        """Start a process of this content once; returns once it has its supervisor."""
        return one_offs.running(await self._engine.launch(formation, epoch=epoch))

    async def one_offs(self, app: str) -> Sequence[OneOff]:
        """Return those that run, and those that ended by themselves within the last hour, by launch."""
        there = [process for process in self._engine.of_app(app) if process.slot.is_once]
        over = await asyncio.to_thread(one_offs.ended, self._slots, app, self._clock.now())
        seen = over | {process.slot: one_offs.running(process) for process in there}
        return [seen[slot] for slot in sorted(seen, key=lambda slot: slot.created_at)]

    async def stop(self, app: str, process_id: str, *, epoch: int) -> None:
        """Begin to stop one that runs once; for one that has ended it does nothing. Raises NotFound."""
        process = self._find(app, process_id)
        if process and process.slot.is_once:
            await self._engine.stop_once(process, epoch=epoch)
        elif process or process_id not in {each.state.id for each in await self.one_offs(app)}:
            raise _not_found(process_id)

    @contextlib.asynccontextmanager
    async def execute(self, app: str, process_id: str, execution: Execution) -> AsyncIterator[Session]:
        """Run a command inside a process until the block ends; at most so many at a time, in all."""
        process = self._find(app, process_id)
        if process is None:
            raise _not_found(process_id)
        if self._sessions >= MAX_SESSIONS:
            raise Refused(f"{MAX_SESSIONS} commands run inside processes already", hint="end one of them")
        self._sessions += 1
        try:
            async with sessions.opened(self._slots.directory(process.slot), execution) as session:
                yield session
        finally:
            self._sessions -= 1

    def read_files(self, app: str, process_id: str, path: str) -> AsyncIterator[bytes]:
        """Yield a tar of a file or directory of the process."""
        return copies.read(self._inside(app, process_id), path)

    async def write_files(self, app: str, process_id: str, path: str, tar: AsyncIterator[bytes]) -> None:
        """Unpack a tar into a directory of the process, as its user."""
        await copies.write(self._inside(app, process_id), path, tar)

    async def delete_files(self, app: str, process_id: str, paths: Collection[str]) -> None:
        """Remove files and directories of the process, as its user."""
        await copies.delete(self._inside(app, process_id), paths)

    def connect(self, host: str, port: int) -> AbstractAsyncContextManager[Pipe]:
        """Connect to a service of an app, at whatever port it has here, or to any other host by its name."""
        return self._connected(host, port)

    async def usage(self, app: str) -> Mapping[str, Usage]:
        """Return what the running processes of an app use; it is measured twice a second at most."""
        now = self._clock.now()
        subjects = [self._subject(process, now) for process in self._engine.of_app(app) if process.is_up]
        return await asyncio.to_thread(self._meter.measure, [subject for subject in subjects if subject])

    @contextlib.asynccontextmanager
    async def _connected(self, host: str, port: int) -> AsyncIterator[Pipe]:
        endpoint = self._endpoint(host)
        where = connections.divided(endpoint) if endpoint else (host, port)
        async with connections.opened(*where) as connection:
            yield connection

    def _endpoint(self, host: str) -> str | None:
        """Return where a process of a service listens, a healthy one if there is; None for any other host."""
        named = connections.service_of(host)
        there = [
            process
            for process in (self._engine.of_app(named[1]) if named else ())
            if named and process.slot.key.service == named[0] and not process.slot.is_once
        ]
        if not there and connections.is_internal(host):
            raise NotFound(f"there is no service {host}", hint="see what runs: sternway ps")
        states = [process.state() for process in there if process.is_running]
        states.sort(key=lambda state: state.health is not Health.HEALTHY)
        endpoint = next((state.endpoint for state in states if state.endpoint), None)
        if there and endpoint is None:
            raise connections.no_process(host)
        return endpoint

    def _inside(self, app: str, process_id: str) -> copies.Execute:
        return lambda execution: self.execute(app, process_id, execution)

    def _find(self, app: str, process_id: str) -> Process | None:
        return next((each for each in self._engine.of_app(app) if each.slot.id == process_id), None)

    def _subject(self, process: Process, now: datetime) -> meter.Subject | None:
        said = process.report
        if said is None:
            return None
        began = process.slot.created_at if said.groups else process.state().started_at
        return meter.Subject(process.slot.id, said, (now - began).total_seconds())


def _not_found(process_id: str) -> NotFound:
    return NotFound(f"process not found: {process_id}", hint="list them: sternway ps")
