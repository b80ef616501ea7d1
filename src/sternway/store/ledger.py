"""The store: transactions, and what each shows of the ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from sternway import ports
from sternway.core import errors
from sternway.store import connection, dialect, schema
from sternway.store.apps import SqlApps
from sternway.store.builds import SqlBuilds
from sternway.store.commands import SqlCommandRuns
from sternway.store.connection import Connections, Transaction
from sternway.store.deployments import SqlDeployments
from sternway.store.events import SqlEvents
from sternway.store.exports import SqlExports
from sternway.store.leases import SqlLeases
from sternway.store.logins import SqlLogins
from sternway.store.parameters import SqlParameters
from sternway.store.promotions import SqlPromotions
from sternway.store.releases import SqlReleases
from sternway.store.sign_ins import SqlSignIns
from sternway.store.tokens import SqlTokens
from sternway.store.users import SqlUsers

Upgrade = Callable[[sa.URL, float], None]


def _upgrade(url: sa.URL, wait_s: float) -> None:
    schema.upgrade(url, wait_s=wait_s)


@dataclass(frozen=True, slots=True)
class SqlLedger:
    """Fills `ports.Ledger`. It is of no use after its transaction."""

    apps: SqlApps
    builds: SqlBuilds
    deployments: SqlDeployments
    releases: SqlReleases
    promotions: SqlPromotions
    commands: SqlCommandRuns
    events: SqlEvents
    exports: SqlExports
    parameters: SqlParameters
    logins: SqlLogins
    users: SqlUsers
    tokens: SqlTokens
    sign_ins: SqlSignIns
    leases: SqlLeases

    @classmethod
    def within(cls, transaction: Transaction, secrets: ports.Secrets) -> Self:
        """Return what a transaction sees."""
        releases = SqlReleases(transaction, secrets)
        return cls(
            apps=SqlApps(transaction),
            builds=SqlBuilds(transaction),
            deployments=SqlDeployments(transaction),
            releases=releases,
            promotions=SqlPromotions(transaction, releases),
            commands=SqlCommandRuns(transaction),
            events=SqlEvents(transaction),
            exports=SqlExports(transaction),
            parameters=SqlParameters(transaction),
            logins=SqlLogins(transaction, secrets),
            users=SqlUsers(transaction),
            tokens=SqlTokens(transaction, secrets),
            sign_ins=SqlSignIns(transaction),
            leases=SqlLeases(transaction),
        )


class SqlStore:
    """Fills `ports.Store` with a database.

    `location` is the path of an SQLite file, or its URL. No wait for a lock, a connection or the turn to
    write is longer than `wait_s`; it ends in StoreUnavailable. `upgrade` brings the schema up to date, in a thread.
    """

    def __init__(
        self,
        location: str | Path,
        secrets: ports.Secrets,
        *,
        readers: int = 4,
        wait_s: float = 10,
        upgrade: Upgrade = _upgrade,
    ) -> None:
        self._url = dialect.url_of(location)
        self._secrets = secrets
        self._readers = readers
        self._wait_s = wait_s
        self._upgrade = upgrade
        self._turn = asyncio.Lock()
        self._connections: Connections | None = None

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Bring the schema up to date and keep connections until the block ends."""
        await asyncio.to_thread(self._upgrade, self._url, self._wait_s)
        self._connections = connection.connect(self._url, readers=self._readers, wait_s=self._wait_s)
        try:
            yield
        finally:
            opened, self._connections = self._connections, None
            await opened.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ports.Ledger]:
        """Begin a transaction that sees what was committed when it first looked; the database refuses writes."""
        async with connection.transaction(self._open().reader) as transaction:
            yield SqlLedger.within(transaction, self._secrets)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[ports.Ledger]:
        """Wait for the turn to write, then commit durably at the end of the block, or not at all.

        Cancelled while it commits, it may have committed.
        """
        await self._take_turn()
        try:
            async with connection.transaction(self._open().writer) as transaction:
                yield SqlLedger.within(transaction, self._secrets)
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turn.acquire()
        except TimeoutError as exc:
            raise errors.StoreUnavailable("store: another write takes too long", hint="try again") from exc

    def _open(self) -> Connections:
        if self._connections is None:
            raise errors.StoreUnavailable("store: it is not open")
        return self._connections
