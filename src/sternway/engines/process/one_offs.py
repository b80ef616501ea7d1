"""What is known of processes that run once: of those that run by the engine, of those that ended by their files."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sternway.core.formation import Health, ProcessState
from sternway.engines.process import report, slots
from sternway.engines.process.process import Process
from sternway.ports import OneOff

SHOWN_FOR = timedelta(hours=1)


def running(process: Process) -> OneOff:
    """Return one that is there. It takes no requests, so nothing is to dial it."""
    return _one_off(process.slot, replace(process.state(), endpoint=None))


def ended(kept: slots.Slots, app: str, now: datetime) -> dict[slots.Slot, OneOff]:
    """Return those of an app that ended by themselves within the last hour, from their files."""
    return dict(_ended(kept, app, now))


def _ended(kept: slots.Slots, app: str, now: datetime) -> Iterator[tuple[slots.Slot, OneOff]]:
    for slot, directory in kept.of_app(app):
        ended_at = _ended_at(directory)
        if slot.is_once and ended_at and now - ended_at < SHOWN_FOR:
            left = report.read(directory)
            if not _was_stopped(left):
                yield slot, _one_off(slot, _last_state(slot, left), _shell_code(left.last_exit) if left else None)


def _was_stopped(left: report.Report | None) -> bool:
    return left is not None and left.is_over and left.exits == 0


def _last_state(slot: slots.Slot, left: report.Report | None) -> ProcessState:
    """Return how one was in the end; one whose supervisor was lost, or that was killed with it, has failed."""
    started_at = datetime.fromtimestamp(left.started_at, UTC) if left and left.started_at else slot.created_at
    return ProcessState(
        id=slot.id,
        slot=slot.number,
        health=Health.STOPPING if left and left.last_exit == 0 else Health.FAILED,
        started_at=started_at,
        exits=left.exits if left else 0,
        detail=(left.exit_words() if left else "") or "it was killed",
        command=slot.command,
    )


def _one_off(slot: slots.Slot, state: ProcessState, exit_code: int | None = None) -> OneOff:
    return OneOff(slot.key.service, slot.release_id, state, exit_code, slot.key.fingerprint)


def _shell_code(code: int | None) -> int | None:
    """Return an exit code as a shell would: 128 and its number for a signal."""
    return 128 - code if code is not None and code < 0 else code


def _ended_at(directory: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp((directory / slots.ENDED).stat().st_mtime, UTC)
    except OSError:
        return None
