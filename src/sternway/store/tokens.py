"""Deploy tokens, each a row and a second one once it is revoked, and the keys that sign the contract's tokens."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sternway import ports
from sternway.core.access import Token
from sternway.core.app import Made
from sternway.store import apps
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import deploy_tokens, signing_keys
from sternway.store.users import grant_of, grant_values

CONTEXT = "signing key"


@dataclass(frozen=True, slots=True)
class SqlTokens:
    """Fills `ports.Tokens`."""

    transaction: Transaction
    secrets: ports.Secrets

    async def list(self) -> Sequence[Token]:
        """Return those that were not revoked, by name."""
        return [_token_of(row) for row in await self.transaction.rows(_present())]

    async def find(self, token_id: str) -> Token | None:
        """Return the token of that id unless it was revoked."""
        row = await self.transaction.row(_newest_of(), token_id=token_id)
        return None if row is None or row.is_removed else _token_of(row)

    async def add(self, token: Token) -> None:
        """Insert a row."""
        await self._insert(token, token.made, is_removed=False, secret=token.secret)

    async def revoke(self, token: Token, made: Made) -> None:
        """Insert a row that says so."""
        await self._insert(token, made, is_removed=True, secret="")

    async def signing_key(self) -> bytes | None:
        """Open the newest key, if there is one; raises Corrupt."""
        row = await self.transaction.row(_newest_key())
        return self.secrets.open(row.key, CONTEXT) if row else None

    async def set_signing_key(self, key: bytes, made: Made) -> None:
        """Insert a key, which counts from now on."""
        await self.transaction.insert(signing_keys, {"key": self.secrets.seal(key, CONTEXT)} | apps.made_values(made))

    async def _insert(self, token: Token, made: Made, **values: Any) -> None:
        row = {"token_id": token.id, "name": token.name, "expires_at": token.expires_at}
        row |= values | grant_values(token.grant) | apps.made_values(made)
        await self.transaction.insert(deploy_tokens, row)


def _token_of(row: sa.Row[*tuple[Any, ...]]) -> Token:
    return Token(row.token_id, row.name, grant_of(row), apps.made_of(row), row.secret, row.expires_at)


@functools.cache
def _newest_of() -> Statement:
    """The last row of a token."""
    of_token = sa.select(deploy_tokens).where(deploy_tokens.c.token_id == sa.bindparam("token_id"))
    return of_token.order_by(deploy_tokens.c.id.desc()).limit(1)


@functools.cache
def _present() -> Statement:
    """The last row of each token, where that is no revocation."""
    newest = sa.select(sa.func.max(deploy_tokens.c.id)).group_by(deploy_tokens.c.token_id)
    is_present = deploy_tokens.c.id.in_(newest) & ~deploy_tokens.c.is_removed
    return sa.select(deploy_tokens).where(is_present).order_by(deploy_tokens.c.name)


@functools.cache
def _newest_key() -> Statement:
    """The last key."""
    newest = sa.select(sa.func.max(signing_keys.c.id)).scalar_subquery()
    return sa.select(signing_keys).where(signing_keys.c.id == newest)
