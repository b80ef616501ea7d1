"""What the tests of the contract of single processes need to know of an engine. Another engine adds a bench here."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sternway.core.formation import Formation, Health, Limits
from sternway.engines.process.engine import ProcessEngine
from sternway.engines.process.isolation import Wanted
from sternway.engines.process.single import SingleProcesses
from sternway.ports import Engine, Execution, OneOff, Processes
from tests.engines.bench import APP, EVERYTHING, LAST_EPOCH, ProcessBench, WallClock, formation, surveyed

ANSWERING = """
import os, socket
listening = socket.create_server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])))
while True:
    connection = listening.accept()[0]
    asked = b""
    while chunk := connection.recv(65536):
        asked += chunk
    connection.sendall(asked.upper())
    connection.close()
"""


class SingleBench(Protocol):
    """An engine whose processes have `sh`, `cat`, `sleep`, `tar`, `id` and `kill`, and may write to /tmp."""

    async def start(self) -> tuple[Engine, Processes]:
        """Run an engine, as a rack that is started does; the one before is left first, and stops nothing."""
        ...

    def formation(self, command: str, name: str = "one") -> Formation:
        """Return one of the service `worker` that can run here, and takes no requests."""
        ...

    def answering(self) -> Formation:
        """Return one of the service `web`, which sends back in capitals what it was sent, once that has ended."""
        ...

    async def clear(self) -> None:
        """Stop whatever a test left."""
        ...


class SingleProcessBench:
    """Real processes of this machine, as confined as it allows or as is wanted."""

    def __init__(self, data: Path, wanted: Wanted = EVERYTHING) -> None:
        self._bench = ProcessBench(data, wanted)
        self._wanted = wanted
        self._data = data
        self._stack = AsyncExitStack()

    async def start(self) -> tuple[ProcessEngine, SingleProcesses]:
        await self._stack.aclose()
        engine = ProcessEngine(self._data, clock=WallClock(), survey=lambda _: surveyed(self._wanted))
        await self._stack.enter_async_context(engine.run())
        return engine, SingleProcesses(engine, self._data, clock=WallClock())

    def formation(self, command: str, name: str = "one") -> Formation:
        return replace(formation(name), command=command)

    def answering(self) -> Formation:
        command = f"exec {sys.executable} -S -c '{ANSWERING}'"
        return replace(formation(service="web"), command=command, port=3000)

    def limited(self, limits: Limits) -> Formation:
        return replace(formation(), limits=limits)

    async def clear(self) -> None:
        engine, processes = await self.start()
        for path in (self._data / "processes").glob("*"):
            await stop_all(engine, processes, path.name)
        await self._stack.aclose()
        await self._bench.clear()


async def stop_all(engine: Engine, processes: Processes, app: str) -> None:
    """Stop what runs once, and wait until it is gone."""
    for each in await processes.one_offs(app):
        await processes.stop(app, each.state.id, epoch=LAST_EPOCH)
    await one_offs_until(engine, processes, lambda seen: all(has_ended(each) for each in seen), app=app)


def has_ended(one_off: OneOff) -> bool:
    return one_off.exit_code is not None or one_off.state.health is Health.FAILED


async def one_offs_until(
    engine: Engine, processes: Processes, is_so: Callable[[Sequence[OneOff]], object], *, app: str = APP
) -> Sequence[OneOff]:
    """Wait, driven by the engine's own notices, until the processes that run once are so."""
    changed = asyncio.Event()
    engine.subscribe(lambda _: changed.set())
    seen: Sequence[OneOff] = ()
    try:
        async with asyncio.timeout(20):
            while not is_so(seen := await processes.one_offs(app)):
                await changed.wait()
                changed.clear()
    except TimeoutError as exc:
        raise AssertionError(f"seen at last: {seen}") from exc
    return seen


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    printed: bytes


async def run(processes: Processes, process_id: str, *words: str, given: bytes = b"", app: str = APP) -> Ran:
    """Run a command inside a process to its end."""
    async with asyncio.timeout(20), processes.execute(app, process_id, Execution(words)) as session:
        await session.write(given)
        await session.end_input()
        printed = b"".join([chunk async for chunk in session.output()])
        return Ran(await session.exit_code(), printed)
