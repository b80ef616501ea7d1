"""Logins at image registries. A password is sealed before it gets near the database, bound to its server."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sternway import ports
from sternway.core import errors
from sternway.core.app import Made
from sternway.core.registry import Login
from sternway.store import apps
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import registry_logins


@dataclass(frozen=True, slots=True)
class SqlLogins:
    """Fills `ports.Logins`."""

    transaction: Transaction
    secrets: ports.Secrets

    async def list(self) -> Sequence[Login]:
        """Return those that were not removed, by server; raises Corrupt for a password that does not open."""
        return [self._login_of(row) for row in await self.transaction.rows(_present())]

    async def add(self, login: Login, made: Made) -> None:
        """Insert a row, which counts from now on for that server."""
        sealed = self.secrets.seal(login.password.encode(), _context(login.server))
        await self._insert(login.server, made, username=login.username, password=sealed, is_removed=False)

    async def remove(self, server: str, made: Made) -> None:
        """Insert a row that says so."""
        row = await self.transaction.row(_newest_of(), server=server)
        if row is None or row.is_removed:
            raise errors.NotFound(f"registry not found: {server}", hint="see them: sternway registries")
        await self._insert(server, made, username="", password=b"", is_removed=True)

    async def _insert(self, server: str, made: Made, **values: Any) -> None:
        await self.transaction.insert(registry_logins, {"server": server} | values | apps.made_values(made))

    def _login_of(self, row: sa.Row[*tuple[Any, ...]]) -> Login:
        return Login(row.server, row.username, self.secrets.open(row.password, _context(row.server)).decode())


def _context(server: str) -> str:
    return f"registry:{server}"


@functools.cache
def _newest_of() -> Statement:
    """The last row of a server."""
    of_server = sa.select(registry_logins).where(registry_logins.c.server == sa.bindparam("server"))
    return of_server.order_by(registry_logins.c.id.desc()).limit(1)


@functools.cache
def _present() -> Statement:
    """The last row of each server, where that is no removal."""
    newest = sa.select(sa.func.max(registry_logins.c.id)).group_by(registry_logins.c.server)
    is_present = registry_logins.c.id.in_(newest) & ~registry_logins.c.is_removed
    return sa.select(registry_logins).where(is_present).order_by(registry_logins.c.server)
