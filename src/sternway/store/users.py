"""Users of the rack: each record is a row, and the newest of a name counts."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sternway.core.access import Grant, Role, User
from sternway.core.app import Made
from sternway.store import apps
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import users


@dataclass(frozen=True, slots=True)
class SqlUsers:
    """Fills `ports.Users`."""

    transaction: Transaction

    async def list(self) -> Sequence[User]:
        """Return those that were not removed, by name."""
        return [_user_of(row) for row in await self.transaction.rows(_present())]

    async def find(self, name: str) -> User | None:
        """Return the user of that name, if there is one."""
        row = await self.transaction.row(_newest_of(), name=name)
        return None if row is None or row.is_removed else _user_of(row)

    async def record(self, user: User) -> None:
        """Insert a row, which counts from now on."""
        hashes = {"password": user.password, "invitation": user.invitation, "invited_until": user.invited_until}
        await self._insert(user, user.made, is_removed=False, **hashes)

    async def remove(self, user: User, made: Made) -> None:
        """Insert a row that says so."""
        await self._insert(user, made, is_removed=True, password="", invitation="", invited_until=None)

    async def _insert(self, user: User, made: Made, **values: Any) -> None:
        row = {"name": user.name} | values | grant_values(user.grant) | apps.made_values(made)
        await self.transaction.insert(users, row)


def grant_values(grant: Grant) -> dict[str, Any]:
    """Return what is allowed as columns."""
    return {"role": str(grant.role), "apps": None if grant.apps is None else ",".join(sorted(grant.apps))}


def grant_of(row: sa.Row[*tuple[Any, ...]]) -> Grant:
    """Read what is allowed."""
    return Grant(Role(row.role), None if row.apps is None else frozenset(filter(None, row.apps.split(","))))


def _user_of(row: sa.Row[*tuple[Any, ...]]) -> User:
    return User(row.name, grant_of(row), apps.made_of(row), row.password, row.invitation, row.invited_until)


@functools.cache
def _newest_of() -> Statement:
    """The last row of a name."""
    return sa.select(users).where(users.c.name == sa.bindparam("name")).order_by(users.c.id.desc()).limit(1)


@functools.cache
def _present() -> Statement:
    """The last row of each name, where that is no removal."""
    newest = sa.select(sa.func.max(users.c.id)).group_by(users.c.name)
    return sa.select(users).where(users.c.id.in_(newest) & ~users.c.is_removed).order_by(users.c.name)
