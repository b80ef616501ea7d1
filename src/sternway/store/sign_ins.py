"""Browsers that are signed in: a row when that begins, and one when it is over."""

import functools
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sternway.core.access import SignIn
from sternway.core.app import Made
from sternway.store import apps
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import sign_ins

ALL = ""
"""The secret of a row that ends all of its name before it."""


@dataclass(frozen=True, slots=True)
class SqlSignIns:
    """Fills `ports.SignIns`."""

    transaction: Transaction

    async def find(self, secret: str) -> SignIn | None:
        """Return the one of this hash unless it, or all of its name since, were ended."""
        row = await self.transaction.row(_newest_of(), secret=secret)
        if row is None or row.is_over or secret == ALL:
            return None
        end = await self.transaction.row(_newest_end(), name=row.name)
        if end is not None and end.id > row.id:
            return None
        return SignIn(row.name, row.secret, row.credential, row.expires_at)

    async def begin(self, sign_in: SignIn, made: Made) -> None:
        """Insert a row."""
        await self._insert(sign_in, made, is_over=False)

    async def end(self, sign_in: SignIn, made: Made) -> None:
        """Insert a row that says so."""
        await self._insert(sign_in, made, is_over=True)

    async def end_all(self, name: str, made: Made) -> None:
        """Insert a row that ends those of the name before it."""
        await self._insert(SignIn(name, ALL, "", made.at), made, is_over=True)

    async def _insert(self, sign_in: SignIn, made: Made, **values: Any) -> None:
        row = {"name": sign_in.name, "secret": sign_in.secret, "credential": sign_in.credential}
        row |= {"expires_at": sign_in.expires_at} | values | apps.made_values(made)
        await self.transaction.insert(sign_ins, row)


@functools.cache
def _newest_of() -> Statement:
    """The last row of a secret."""
    of_secret = sa.select(sign_ins).where(sign_ins.c.secret == sa.bindparam("secret"))
    return of_secret.order_by(sign_ins.c.id.desc()).limit(1)


@functools.cache
def _newest_end() -> Statement:
    """The last row that ended all of a name."""
    of_name = sa.select(sign_ins).where((sign_ins.c.name == sa.bindparam("name")) & (sign_ins.c.secret == ALL))
    return of_name.order_by(sign_ins.c.id.desc()).limit(1)
