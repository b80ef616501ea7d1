"""Events: the append-only history, chained by hash.

There is one chain per app and one for the rack. The hash covers the stored canonical bytes and the hash
before it, so neither a migration nor a later reader can change what was recorded without being seen.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

RACK_CHAIN = "rack"
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a chain. `position` counts from 1; `body` is canonical JSON, exactly as hashed."""

    chain: str
    position: int
    body: bytes
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Happening:
    """What is to be recorded: `action` as in `release:create`, `status` is start, success or error."""

    action: str
    actor: str
    at: datetime
    status: str = "success"
    detail: Mapping[str, str] | None = None


def app_chain(app_id: int) -> str:
    """Name the chain of an app; ids outlive names, which may be used again."""
    return f"app:{app_id}"


def canonical(happening: Happening) -> bytes:
    """Return the bytes that are stored and hashed: JSON with sorted keys, no spaces, UTF-8."""
    body = {
        "action": happening.action,
        "actor": happening.actor,
        "at": happening.at.isoformat(),
        "data": dict(happening.detail or {}),
        "status": happening.status,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link(chain: str, before: Event | None, body: bytes) -> Event:
    """Return the event that follows `before` in `chain`."""
    position = before.position + 1 if before else 1
    previous_hash = before.hash if before else GENESIS
    return Event(chain, position, body, previous_hash, _hash(chain, position, previous_hash, body))


def first_break(events: Iterable[Event]) -> int | None:
    """Return the position of the first event that does not follow from the one before, or None."""
    before: Event | None = None
    for event in events:
        if event != link(event.chain, before, event.body):
            return event.position
        before = event
    return None


def _hash(chain: str, position: int, previous_hash: str, body: bytes) -> str:
    digest = hashlib.sha256()
    digest.update(f"{chain}\n{position}\n{previous_hash}\n".encode())
    digest.update(body)
    return digest.hexdigest()
