"""Who calls: a user, a deploy token or one of the contract's, told apart by what they bring along.

Rows are read each time, so what is changed, removed or revoked counts from the next request on. Only that a
password met its hash is remembered, for a while.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sternway.core import access
from sternway.core.access import JWT_USER, Principal, User
from sternway.core.errors import NotFound, TooManyAttempts, Unauthenticated, too_many_attempts
from sternway.ops.access import jwt, tokens
from sternway.ops.rack import Rack
from sternway.ports import Ledger

TURN_WAIT_S = 10.0


async def authenticate(rack: Rack, name: str, password: str, address: str = "") -> Principal:
    """Return who comes with this name and password; `address` is from where, as far as that is known.

    Raises Unauthenticated, and TooManyAttempts for who was wrong too often lately.
    """
    return await _bearer(rack, name, password) or (await verified_user(rack, name, password, address)).principal()


async def recheck(rack: Rack, name: str, password: str, known: str) -> Principal:
    """Return who somebody that was let in is by now; `known` is what `known_by` returned then.

    Nothing is verified again, so it neither costs much nor waits for a turn, and no limit can put it off. Raises
    Unauthenticated as soon as they would not be let in.
    """
    if found := await _bearer(rack, name, password):
        return found
    user = await _user(rack, name)
    if user is None or not hmac.compare_digest(credential(rack, user, password), known):
        raise refused()
    return user.principal()


async def known_by(rack: Rack, name: str, password: str) -> str:
    """Return what stands for a password that was verified just now; empty for tokens, which are cheap to check.

    Raises Unauthenticated for a user who was removed, or got another password, meanwhile.
    """
    if await _bearer(rack, name, password):
        return ""
    user = await _user(rack, name)
    known = credential(rack, user, password) if user else ""
    if not rack.attempts.is_verified(known, rack.clock.monotonic()):
        raise refused()
    return known


async def _bearer(rack: Rack, name: str, password: str) -> Principal | None:
    """Return whom a token stands for; None for what can only be a user's password. Raises Unauthenticated."""
    if found := access.read_token(password):
        return await tokens.principal(rack, *found)
    if name == JWT_USER:
        return await jwt.principal(rack, password)
    return None


async def verified_user(rack: Rack, name: str, password: str, address: str = "") -> User:
    """Return the user whose name and password these are; raises as `authenticate` does."""
    if not access.is_user_name(name):
        raise refused()
    user = await _user(rack, name)
    if user and rack.attempts.is_verified(credential(rack, user, password), rack.clock.monotonic()):
        return user
    _check_pace(rack, name, address)
    if not await _is_right(rack, user, name, password, address):
        raise refused()
    return await _user_unchanged(rack, user)


def credential(rack: Rack, user: User, password: str) -> str:
    """Return a keyed hash that stands for this password of this user, until either changes."""
    return rack.secrets.fingerprint(f"verified\n{user.name}\n{user.password}\n{password}".encode())


async def found(ledger: Ledger, name: str) -> User:
    """Return a user; raises NotFound."""
    user = await ledger.users.find(name)
    if user is None:
        raise NotFound(f"user not found: {name}", hint="see them: sternway users")
    return user


def refused() -> Unauthenticated:
    """Return the one error for all that is wrong with credentials: it tells nobody which users there are."""
    return Unauthenticated("invalid authentication", hint="check the password in RACK_URL")


async def _is_right(rack: Rack, user: User | None, name: str, password: str, address: str) -> bool:
    """Verify, in turn. Several that come at once with the same right password wait for the first of them."""
    async with _turn(rack):
        if user and rack.attempts.is_verified(credential(rack, user, password), rack.clock.monotonic()):
            return True
        _check_pace(rack, name, address)
        is_right = await rack.secrets.matches(user.password if user else "", password[: access.PASSWORD_MAX_LENGTH])
        now = rack.clock.monotonic()
        if user and is_right:
            rack.attempts.verified(credential(rack, user, password), now)
        else:
            rack.attempts.wrong(name, address, now)
        return is_right


@asynccontextmanager
async def _turn(rack: Rack) -> AsyncIterator[None]:
    """Wait for a turn to verify, but not for ever."""
    try:
        async with asyncio.timeout(TURN_WAIT_S):
            await rack.attempts.turn.acquire()
    except TimeoutError as exc:
        raise TooManyAttempts("too many people sign in", hint="try again") from exc
    try:
        yield
    finally:
        rack.attempts.turn.release()


def _check_pace(rack: Rack, name: str, address: str) -> None:
    wait_s = rack.attempts.wait_s(name, address, rack.clock.monotonic())
    if wait_s > 0:
        raise too_many_attempts(wait_s)


async def _user(rack: Rack, name: str) -> User | None:
    async with rack.store.read() as ledger:
        return await ledger.users.find(name)


async def _user_unchanged(rack: Rack, user: User | None) -> User:
    """Return the user as they are by now; whoever was removed or got another password meanwhile is refused."""
    now = await _user(rack, user.name) if user else None
    if now is None or user is None or now.password != user.password:
        raise refused()
    return now
