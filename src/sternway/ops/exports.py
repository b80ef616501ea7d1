"""Use case: rows that a way back had taken out come in again with the schema that can hold them.

That it was done is an event, in the one transaction with the rows: a snapshot that is put back takes both with it.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sternway.core.event import RACK_CHAIN, Happening
from sternway.ops.changes import RACK
from sternway.ops.rack import Rack
from sternway.ports import Brought, Ledger

log = logging.getLogger(__name__)

ACTION = "rack:import"
MAX_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Export:
    """A file of rows by table. One that was changed since counts as another."""

    name: str
    digest: str
    rows: Mapping[str, Sequence[Mapping[str, Any]]]


def read(name: str, content: bytes) -> Export:
    """Return what a file holds; raises ValueError for one that is damaged."""
    found = json.loads(content)
    if not isinstance(found, dict) or not all(_is_rows(rows) for rows in found.values()):
        raise ValueError("it holds no rows by table")
    rows = {table: kept for table, kept in found.items() if kept}
    return Export(name, hashlib.sha256(content).hexdigest(), rows)


async def bring_in(rack: Rack, export: Export) -> Mapping[str, Brought]:
    """Bring in what the schema can hold and was not brought in before; return what became of it, by table.

    Tables and columns that the schema lacks wait for one that has them. Called again it does nothing more.
    """
    done: dict[str, Brought] = {}
    async with rack.store.write() as ledger:
        known = await _known(ledger, export)
        for table, rows in export.rows.items():
            if table not in known and await ledger.exports.holds(table, sorted({*rows[0]})):
                done[table] = await ledger.exports.bring_in(table, rows)
        if done:
            await ledger.events.append(RACK_CHAIN, _happening(rack, export, done))
    if done:
        rack.changes.notify(RACK)
        _log(export, done)
    return done


async def _known(ledger: Ledger, export: Export) -> set[str]:
    """Return the tables whose rows were brought in."""
    found: set[str] = set()
    for event in await ledger.events.list(RACK_CHAIN, MAX_EVENTS):
        if ACTION.encode() in event.body:
            body = json.loads(event.body)
            if body["action"] == ACTION and _identity(export).items() <= body["data"].items():
                found |= set(body["data"]["tables"].split(","))
    return found


def _happening(rack: Rack, export: Export, done: Mapping[str, Brought]) -> Happening:
    whole = _total(done)
    told = {"tables": ",".join(sorted(done)), "rows": str(whole.brought), "refused": str(len(whole.refused))}
    return Happening(ACTION, "rack", rack.clock.now(), detail=_identity(export) | told)


def _identity(export: Export) -> dict[str, str]:
    return {"file": export.name, "digest": export.digest}


def _total(done: Mapping[str, Brought]) -> Brought:
    whole = Brought(0, 0, ())
    for each in done.values():
        refused = (*whole.refused, *each.refused)
        whole = replace(whole, brought=whole.brought + each.brought, there=whole.there + each.there, refused=refused)
    return whole


def _log(export: Export, done: Mapping[str, Brought]) -> None:
    whole = _total(done)
    told = {"file": export.name, "rows": whole.brought, "refused": len(whole.refused)}
    log.info("exported rows were brought in again", extra=told)
    if whole.refused:
        log.warning("some exported rows were refused; they are in the file only", extra=told)


def _is_rows(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows)
