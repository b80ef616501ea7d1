"""Deploy tokens: shown once, kept as hashes, refused from the moment that they are revoked."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sternway.core import access
from sternway.core.access import Grant, Principal, Token
from sternway.core.app import Made
from sternway.core.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from sternway.ops.access import record
from sternway.ops.rack import Rack

ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class TokenWish:
    """The token that is wanted. Without a name it is called by its id; without `lasts` it is good until revoked."""

    grant: Grant
    name: str = ""
    lasts: timedelta | None = None


async def list_all(rack: Rack) -> Sequence[Token]:
    """Return those that were not revoked, by name."""
    async with rack.store.read() as ledger:
        return await ledger.tokens.list()


async def create(rack: Rack, wish: TokenWish, made: Made) -> tuple[Token, str]:
    """Record a token, and return it with its text, which is shown this once. Raises InvalidInput and Conflict."""
    token_id, secret = rack.ids.secret(ID_DIGITS), rack.ids.secret()
    if wish.lasts is not None and wish.lasts <= timedelta(0):
        raise InvalidInput("expires: not a time to come", hint="write it like 90d or 12h")
    name, grant = access.check_token_name(wish.name or token_id), access.check_grant(wish.grant)
    until = rack.clock.now() + wish.lasts if wish.lasts else None
    token = Token(token_id, name, grant, made, _hash(rack, token_id, secret), until)
    async with rack.store.write() as ledger:
        if any(name in (other.id, other.name) for other in await ledger.tokens.list()):
            raise Conflict(f"token {name} is there already", hint=f"sternway tokens revoke {name}")
        await ledger.tokens.add(token)
        await record.event(ledger, "token:create", made, id=token_id, name=name, **record.grant_detail(grant))
    return token, access.token_text(token_id, secret)


async def revoke(rack: Rack, name: str, made: Made) -> None:
    """Record that a token, by its name or id, is not good any more; what it has open ends. Raises NotFound."""
    async with rack.store.write() as ledger:
        found = [token for token in await ledger.tokens.list() if name in (token.id, token.name)]
        if not found:
            raise NotFound(f"token not found: {name}", hint="see them: sternway tokens")
        await ledger.tokens.revoke(found[0], made)
        await record.event(ledger, "token:revoke", made, id=found[0].id, name=found[0].name)
    record.announce(rack)


async def principal(rack: Rack, token_id: str, secret: str) -> Principal:
    """Return whom a token stands for; raises Unauthenticated."""
    async with rack.store.read() as ledger:
        token = await ledger.tokens.find(token_id)
    if token is None or not hmac.compare_digest(token.secret, _hash(rack, token_id, secret)):
        raise Unauthenticated("invalid authentication", hint="this token was revoked, or is not complete")
    if token.has_expired(rack.clock.now()):
        raise Unauthenticated("this token is expired", hint="make another: sternway tokens create")
    return token.principal()


def _hash(rack: Rack, token_id: str, secret: str) -> str:
    return rack.secrets.fingerprint(f"token\n{token_id}\n{secret}".encode())
