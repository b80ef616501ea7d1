"""Events in the ledger. The bytes that were hashed are kept as they are."""

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from sternway.core import event
from sternway.core.event import Event, Happening
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import events


@dataclass(frozen=True, slots=True)
class SqlEvents:
    """Fills `ports.Events`."""

    transaction: Transaction
    _last: dict[str, Event] = field(default_factory=dict)

    async def append(self, chain: str, happening: Happening) -> Event:
        """Link to the last event of the chain, which no one else can follow before the commit."""
        added = event.link(chain, await self._newest(chain), event.canonical(happening))
        await self.transaction.insert(events, asdict(added))
        self._last[chain] = added
        return added

    async def _newest(self, chain: str) -> Event | None:
        if chain in self._last:
            return self._last[chain]
        row = await self.transaction.row(_newest_first(), chain=chain, most=1)
        return _event_of(row) if row else None

    async def list(self, chain: str, limit: int) -> Sequence[Event]:
        """Return the newest first."""
        return [_event_of(row) for row in await self.transaction.rows(_newest_first(), chain=chain, most=limit)]


@functools.cache
def _newest_first() -> Statement:
    """The events of a chain."""
    of_chain = sa.select(events).where(events.c.chain == sa.bindparam("chain"))
    return of_chain.order_by(events.c.position.desc()).limit(sa.bindparam("most", type_=sa.Integer))


def _event_of(row: sa.Row[*tuple[Any, ...]]) -> Event:
    return Event(row.chain, row.position, row.body, row.previous_hash, row.hash)
