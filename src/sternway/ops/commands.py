"""Use case of release commands: look at what ran for a release, and at what it printed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sternway.core.app import App
from sternway.core.command import CommandRun, RunStatus
from sternway.core.errors import NotFound, SternwayError
from sternway.ops.builds import once, shelf
from sternway.ops.rack import Rack
from sternway.ports import LogQuery

MAX_BYTES = 1024 * 1024
CUT = b"[what came before is left out]\n"
READ_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, and what it printed: all, or the last MAX_BYTES of it."""

    run: CommandRun
    output: bytes


async def list_runs(rack: Rack, app_name: str, release_id: str) -> Sequence[RunView]:
    """Return what the promotions of a release ran, by beginning; raises NotFound for a release that is not there.

    Of a run that goes on it is what was printed so far.
    """
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        await ledger.releases.get(app, release_id)
        runs = await ledger.commands.of_release(app, release_id)
    return [RunView(run, await _output(rack, app, run)) for run in runs]


async def keep(rack: Rack, app: App, run: CommandRun, output: bytes) -> None:
    """Keep what a run printed for as long as its app; kept again, it takes the place of what was there."""
    await rack.objects.put(shelf(app), _key(run), once(output))


async def printed(rack: Rack, app: App, process_id: str) -> bytes:
    """Return what a process has printed, as far as the engine still has it and answers in time."""
    output = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for line in rack.logs.read(app.name, LogQuery(process=process_id, follow=False)):
                output += line.text + b"\n"
                if len(output) > 2 * MAX_BYTES:
                    del output[:-MAX_BYTES]
    except (TimeoutError, SternwayError):
        output += b"[the rest could not be read]\n"
    return bytes(output) if len(output) <= MAX_BYTES else CUT + bytes(output[-MAX_BYTES:])


async def _output(rack: Rack, app: App, run: CommandRun) -> bytes:
    if run.status is RunStatus.RUNNING:
        return await printed(rack, app, run.process_id)
    try:
        path = await rack.objects.path(shelf(app), _key(run))
    except NotFound:
        return b""
    return await asyncio.to_thread(Path.read_bytes, path)


def _key(run: CommandRun) -> str:
    command = run.command
    return f"command/{run.promotion_id}/{command.kind}/{command.release_id}/{command.service}/log"
