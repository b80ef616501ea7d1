"""Leases in the ledger: the number of the newest one is the epoch."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sternway.store.connection import Transaction
from sternway.store.tables import leases


@dataclass(frozen=True, slots=True)
class SqlLeases:
    """Fills `ports.Leases`."""

    transaction: Transaction

    async def take(self, holder: str, at: datetime, *, above: int = 0) -> int:
        """Return the new epoch."""
        values = {"holder": holder, "at": at}
        if above > await self.current():
            return await self.transaction.insert(leases, {**values, "epoch": above + 1})
        return await self.transaction.insert(leases, values)

    async def current(self) -> int:
        """Return the highest epoch, or 0."""
        row = await self.transaction.row(sa.select(sa.func.max(leases.c.epoch).label("epoch")))
        return (row.epoch or 0) if row else 0
