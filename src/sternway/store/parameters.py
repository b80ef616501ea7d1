"""What is set for the rack as a whole: each setting is a row, and the newest counts."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from sternway.core.app import Made
from sternway.store import apps
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import rack_parameters


@dataclass(frozen=True, slots=True)
class SqlParameters:
    """Fills `ports.Parameters`."""

    transaction: Transaction

    async def get(self) -> Mapping[str, str]:
        """Return the newest ones, or none."""
        row = await self.transaction.row(_newest())
        return row.parameters if row else {}

    async def set(self, parameters: Mapping[str, str], made: Made) -> None:
        """Record parameters as a whole."""
        await self.transaction.insert(rack_parameters, {"parameters": parameters} | apps.made_values(made))


@functools.cache
def _newest() -> Statement:
    """The last row."""
    newest = sa.select(sa.func.max(rack_parameters.c.id)).scalar_subquery()
    return sa.select(rack_parameters).where(rack_parameters.c.id == newest)
