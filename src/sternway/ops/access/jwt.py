"""The contract's tokens: signed, kept nowhere, good until they expire or the key is rotated.

One that a user or a deploy token had made is good for as long as they are there with the same password or secret, and
for no more than they may do.
"""

import hmac
from datetime import timedelta

from sternway.core import jwt
from sternway.core.access import FIRST_ADMIN, SIGNED_USERS, Grant, Principal, Role, read_token_name
from sternway.core.app import Made
from sternway.core.errors import InvalidInput, Refused, Unauthenticated
from sternway.core.jwt import Claims
from sternway.ops.access import record
from sternway.ops.rack import Rack
from sternway.ports import Ledger

MAX_HOURS = 8760
USERS = dict(zip(Role, SIGNED_USERS, strict=True))
"""Who the bearer is in history where the rack's password asked for the token."""


async def issue(rack: Rack, principal: Principal, role: Role, hours: int, made: Made) -> str:
    """Return a token of that role; raises Refused for more than the caller may do, InvalidInput, Unauthenticated."""
    if not 1 <= hours <= MAX_HOURS:
        raise InvalidInput("durationInHour: out of bounds", hint=f"a whole number from 1 to {MAX_HOURS}")
    principal.require(role)
    if principal.expires_at and principal.expires_at < rack.clock.now() + timedelta(hours=hours):
        raise Refused("a token may not outlive the one that asks for it", hint="ask for less, or as somebody else")
    by = "" if principal.name in (FIRST_ADMIN, *USERS.values()) else principal.name
    until = rack.clock.now() + timedelta(hours=hours)
    async with rack.store.write() as ledger:
        claims = Claims(by or USERS[role], role, until, by, await _proof(rack, ledger, by) if by else "")
        key = await ledger.tokens.signing_key() or await _new_key(rack, ledger, made)
        await record.event(ledger, "jwt:create", made, role=str(role), hours=str(hours))
    return jwt.issue(claims, key)


async def rotate(rack: Rack, made: Made) -> None:
    """Sign with another key from now on: every token so far is worthless."""
    async with rack.store.write() as ledger:
        await _new_key(rack, ledger, made)
        await record.event(ledger, "jwt:rotate", made)
    record.announce(rack)


async def principal(rack: Rack, text: str) -> Principal:
    """Return whom a token stands for; raises Unauthenticated."""
    async with rack.store.read() as ledger:
        key = await ledger.tokens.signing_key()
        if key is None:
            raise Unauthenticated("invalid authentication", hint="make a token: sternway rack access")
        claims = jwt.read(text, key, rack.clock.now())
        if claims.by and not await _may_still(rack, ledger, claims):
            raise Unauthenticated("invalid authentication", hint="who made this token may not use the rack any more")
    return Principal(claims.user, claims.role, None, claims.expires_at)


async def _may_still(rack: Rack, ledger: Ledger, claims: Claims) -> bool:
    """Tell whether who had the token made is the same as then, and may still do as much on the whole rack."""
    found = await _standing(rack, ledger, claims.by)
    if found is None or not hmac.compare_digest(found[1].encode(), claims.proof.encode()):
        return False
    return found[0].role.includes(claims.role) and found[0].apps is None


async def _proof(rack: Rack, ledger: Ledger, name: str) -> str:
    """Return what ties a token to who asks for it; raises Unauthenticated for who is not there any more."""
    found = await _standing(rack, ledger, name)
    if found is None:
        raise Unauthenticated("invalid authentication", hint="ask again, as somebody whom the rack knows")
    return found[1]


async def _standing(rack: Rack, ledger: Ledger, name: str) -> tuple[Grant, str] | None:
    """Return what somebody may do, and a keyed hash of what they come in with: another one of that name has another."""
    token_name = read_token_name(name)
    if token_name is None:
        user = await ledger.users.find(name)
        return (user.grant, _tied(rack, name, user.password)) if user else None
    tokens = [token for token in await ledger.tokens.list() if token.name == token_name]
    valid = (token for token in tokens if not token.has_expired(rack.clock.now()))
    return next(((token.grant, _tied(rack, name, token.secret)) for token in valid), None)


def _tied(rack: Rack, name: str, credential: str) -> str:
    return rack.secrets.fingerprint(f"signed\n{name}\n{credential}".encode())


async def _new_key(rack: Rack, ledger: Ledger, made: Made) -> bytes:
    key = bytes.fromhex(rack.ids.secret(2 * jwt.KEY_BYTES))
    await ledger.tokens.set_signing_key(key, made)
    return key
