"""Use cases of the rack's own versions: their history, and the way to another one.

A move is on record before anything is done for it (`start`), and how it ended after (`success`, `error`): an event
each, with the same id. The history of versions is what these events say. The ledger follows the launcher, which
alone knows how a move ended; `reconcile/moving.py` does what is wished for here.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sternway.core.app import Made
from sternway.core.errors import Refused, SternwayError
from sternway.core.event import RACK_CHAIN, Event, Happening
from sternway.ops import examination
from sternway.ops.changes import RACK
from sternway.ops.examination import Check, Wish
from sternway.ops.rack import Rack
from sternway.ports import Ledger, Move, Outcome

log = logging.getLogger(__name__)

ACTION = "rack:update"
PREVIOUS = "previous"
"""Asked for as a version, it is the one that was active before the present one."""
KEPT_EARLIER = 3
"""So many versions that were active before stay installed."""
MAX_EVENTS = 10_000
ABANDONED = "the rack ended before anything was done"

_START, _SUCCESS, _ERROR = "start", "success", "error"


class Status(StrEnum):
    """What became of a version: it is active, it was, it is on its way, or it was turned back."""

    ACTIVE = "active"
    PAST = ""
    UPDATING = "updating"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A time that a version became active, or was tried; `at` is when that ended, if it did.

    `move` is the id of the move that led to it, empty for a rack that was started with another version.
    """

    version: str
    at: datetime
    status: Status
    by: str = ""
    reason: str = ""
    cause: str = ""
    move: str = ""


async def history(rack: Rack, *, with_attempts: bool = False) -> Sequence[VersionLine]:
    """Return each time that a version became active, newest first; `with_attempts` also those that never did."""
    async with rack.store.read() as ledger:
        lines = _lines(await _events(ledger))
    return lines if with_attempts else _active(lines)


async def is_moving(rack: Rack) -> bool:
    """Tell whether a move is under way, or wished for, or ended and not on record yet."""
    async with rack.store.read() as ledger:
        if _open(await _events(ledger)):
            return True
    return bool(await rack.versions.under_way())


async def check(rack: Rack, wish: Wish) -> Sequence[Check]:
    """Return what can be found out about a move without making it; the first problem is what it would end with."""
    found = await examination.examine(rack, await _resolved(rack, wish))
    return found.checks


async def update(rack: Rack, wish: Wish, made: Made) -> VersionLine:
    """Record the wish for another version, once what can be known at once is known to allow it.

    Raises Unsupported without a launcher, NotFound, Conflict for the version that is active, and Refused while
    another move is under way, for a yanked version, and for one that cannot hold every row.
    """
    rack.versions.check()
    found = await examination.examine(rack, await _resolved(rack, wish))
    found.require()
    move = Move(
        id=rack.ids.move(),
        target=found.target,
        by=made.by,
        reason=made.reason,
        at=made.at.isoformat(),
        accept_export=wish.accept_export,
    )
    async with rack.store.write() as ledger:
        if _open(await _events(ledger)):
            raise Refused("the rack is being moved to another version", hint="see it: sternway rack releases --all")
        event = await ledger.events.append(RACK_CHAIN, Happening(ACTION, made.by, made.at, _START, _wished(move)))
    rack.changes.notify(RACK)
    log.info("another version is wished for", extra={"version": move.target, "by": move.by})
    return _line(json.loads(event.body))


async def wished(rack: Rack) -> Move | None:
    """Return the move that is on record and has not ended."""
    async with rack.store.read() as ledger:
        return _open(await _events(ledger))


async def fail(rack: Rack, move: Move, cause: str) -> None:
    """Record that a move ended before the launcher had it."""
    detail = _wished(move) | {"cause": cause}
    await _record(rack, move.id, Happening(ACTION, move.by, rack.clock.now(), _ERROR, detail))


async def begin(rack: Rack) -> None:
    """Bring the record up to date when the rack starts, before it takes a request.

    A version that serves without having been moved to is recorded, and a move that a crash cut off before the
    launcher had it has failed: nothing was done for it.
    """
    if await rack.versions.under_way():
        return
    await record_outcomes(rack)
    if move := await wished(rack):
        await fail(rack, move, ABANDONED)
    await _record_serving(rack)


async def record_outcomes(rack: Rack) -> None:
    """Record how moves ended. Each is forgotten once it is on record, so that a crash between the two loses none."""
    for outcome in await rack.versions.outcomes():
        is_done = outcome.result == "completed"
        status = _SUCCESS if is_done else _ERROR
        at = datetime.fromisoformat(outcome.ended_at)
        await _record(rack, outcome.id, Happening(ACTION, outcome.by, at, status, _ended(outcome)))
        await rack.versions.forget(outcome)
        log.info("a move has ended", extra={"version": outcome.target, "result": outcome.result})
        if is_done:
            await _forget_old(rack)


async def _record_serving(rack: Rack) -> None:
    version = rack.settings.version
    async with rack.store.write() as ledger:
        lines = _active(_lines(await _events(ledger)))
        if lines and lines[0].version == version:
            return
        await ledger.events.append(RACK_CHAIN, Happening(ACTION, "rack", rack.clock.now(), detail={"version": version}))
    rack.changes.notify(RACK)


async def _record(rack: Rack, move_id: str, happening: Happening) -> None:
    async with rack.store.write() as ledger:
        if move_id in _ended_ids(await _events(ledger)):
            return
        await ledger.events.append(RACK_CHAIN, happening)
    rack.changes.notify(RACK)


async def _forget_old(rack: Rack) -> None:
    versions = list(dict.fromkeys(line.version for line in await history(rack)))
    try:
        await rack.versions.keep(versions[: KEPT_EARLIER + 1])
    except SternwayError as exc:
        log.warning("old versions are still installed", extra={"problem": exc.message})


async def _resolved(rack: Rack, wish: Wish) -> Wish:
    if wish.version != PREVIOUS:
        return wish
    lines = await history(rack)
    before = next((line.version for line in lines if line.version != lines[0].version), None)
    if before is None:
        raise Refused("this rack has had no other version", hint="see them: sternway rack releases")
    return replace(wish, version=before)


# --- what events say ---


async def _events(ledger: Ledger) -> Sequence[Mapping[str, Any]]:
    """Return the bodies of the events of moves, newest first."""
    listed: Sequence[Event] = await ledger.events.list(RACK_CHAIN, MAX_EVENTS)
    bodies = [json.loads(event.body) for event in listed if ACTION.encode() in event.body]
    return [body for body in bodies if body["action"] == ACTION]


def _lines(bodies: Sequence[Mapping[str, Any]]) -> list[VersionLine]:
    ended = _ended_ids(bodies)
    lines = [_line(body) for body in bodies if body["status"] != _START or body["data"]["id"] not in ended]
    newest = next((line for line in lines if line.status is Status.PAST), None)
    return [replace(line, status=Status.ACTIVE) if line is newest else line for line in lines]


def _active(lines: Sequence[VersionLine]) -> list[VersionLine]:
    return [line for line in lines if line.status in (Status.ACTIVE, Status.PAST)]


def _line(body: Mapping[str, Any]) -> VersionLine:
    data = body["data"]
    statuses = {_START: Status.UPDATING, _ERROR: Status.REVERTED, _SUCCESS: Status.PAST}
    return VersionLine(
        version=data["version"],
        at=datetime.fromisoformat(body["at"]),
        status=statuses[body["status"]],
        by=body["actor"],
        reason=data.get("reason", ""),
        cause=data.get("cause", ""),
        move=data.get("id", ""),
    )


def _ended_ids(bodies: Sequence[Mapping[str, Any]]) -> set[str]:
    return {body["data"].get("id", "") for body in bodies if body["status"] != _START}


def _open(bodies: Sequence[Mapping[str, Any]]) -> Move | None:
    ended = _ended_ids(bodies)
    for body in bodies:
        data = body["data"]
        if body["status"] == _START and data["id"] not in ended:
            accepts = data.get("accept-export") == "true"
            return Move(data["id"], data["version"], body["actor"], data.get("reason", ""), body["at"], accepts)
    return None


def _wished(move: Move) -> dict[str, str]:
    accepts = "true" if move.accept_export else ""
    return _filled({"id": move.id, "version": move.target, "reason": move.reason, "accept-export": accepts})


def _ended(outcome: Outcome) -> dict[str, str]:
    told = {"id": outcome.id, "version": outcome.target, "origin": outcome.origin, "reason": outcome.reason}
    return _filled(told | {"cause": outcome.cause})


def _filled(detail: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in detail.items() if value}
