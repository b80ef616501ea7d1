"""Use cases of release commands: which a promotion runs, what ran for a release, and what it printed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sternway.core import command
from sternway.core.app import App
from sternway.core.command import Command, CommandKind, CommandRun, Declared, Reached, RunStatus
from sternway.core.errors import NotFound, SternwayError
from sternway.core.manifest import parse
from sternway.core.release import Release
from sternway.ops.builds import once, shelf
from sternway.ops.rack import Rack
from sternway.ports import Ledger, LogQuery

MAX_BYTES = 1024 * 1024
CUT = b"[what came before is left out]\n"
READ_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, and what it printed: all, or the last MAX_BYTES of it."""

    run: CommandRun
    output: bytes


@dataclass(frozen=True, slots=True)
class Ahead:
    """A command that a promotion would run; `text` has variables as they are written, and none of their values."""

    command: Command
    text: str


async def agenda(
    ledger: Ledger, app: App, target: Release, *, before: int | None = None, is_undoing: bool
) -> tuple[Command, ...]:
    """Return all that a promotion of `target` runs before it begins, in this order.

    `before` is the promotion, so that what it did itself changes nothing; None for one that has yet to be asked for.
    """
    declared = command.declared(target, Reached(target.id, target.build_id or "", 0, 0))
    if not target.is_rollback:
        return command.forth(declared, (), is_rollback=False)
    if not (is_undoing or declared.release):
        return ()
    history = await ledger.commands.history(app, target)
    effects = [effect for effect in history.effects if before is None or effect.promotion_id < before]
    passed = [await _declared(ledger, app, each) for each in history.newer] if is_undoing else []
    return (
        *command.back(history.own, passed, effects),
        *command.forth(replace(declared, reached=history.own), effects, is_rollback=True),
    )


async def ahead(ledger: Ledger, app: App, target: Release) -> Sequence[Ahead]:
    """Return what a rollback to `target` would run, also what it only runs where that is asked for: `rollback`."""
    if not target.build_id:
        return ()
    found = await agenda(ledger, app, target, is_undoing=True)
    return [Ahead(each, await _text(ledger, app, target, each)) for each in found]


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


async def _declared(ledger: Ledger, app: App, reached: Reached) -> Declared:
    return command.declared(await ledger.releases.get(app, reached.release_id), reached)


async def _text(ledger: Ledger, app: App, target: Release, due: Command) -> str:
    """A rollback command is that of the release that is gone back over, and is run with its artifact."""
    release = target if due.kind is CommandKind.RELEASE else await ledger.releases.get(app, due.release_id)
    return command.text(parse(release.manifest).manifest, due)


async def _output(rack: Rack, app: App, run: CommandRun) -> bytes:
    if run.status is RunStatus.RUNNING:
        return await printed(rack, app, run.process_id)
    try:
        path = await rack.objects.path(shelf(app), _key(run))
    except NotFound:
        return b""
    return await asyncio.to_thread(Path.read_bytes, path)


def _key(run: CommandRun) -> str:
    ran = run.command
    return f"command/{run.promotion_id}/{ran.kind}/{ran.release_id}/{ran.service}/log"
