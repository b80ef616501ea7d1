"""Browsers that are signed in. What one keeps is a secret; here is a hash of it, which outlives the rack's process."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sternway.core.access import ADMIN, FIRST_ADMIN, Principal, SignIn
from sternway.core.app import Made
from sternway.core.errors import Unauthenticated
from sternway.ops.access import record
from sternway.ops.rack import Rack
from sternway.ports import Ledger

LASTS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in: who sits there, as they are now, and what its forms have to bring along."""

    principal: Principal
    form_secret: str = field(repr=False)
    expires_at: datetime


async def open_session(rack: Rack, principal: Principal, rack_password: str = "") -> str:
    """Sign a browser in, and return the secret for its cookie; call it after `authenticate`.

    `rack_password` is the rack's own and counts for the first admin: who signed in with one is signed out by
    another. Raises Unauthenticated for a user who was removed or changed meanwhile, and for tokens: they are for
    programs, and those of the contract bear the name of who asked for them without all that these may do.
    """
    secret = rack.ids.secret()
    now = rack.clock.now()
    made = Made(now, principal.name)
    async with rack.store.write() as ledger:
        credential = await _credential(rack, ledger, principal.name, rack_password)
        if credential is None or await _principal(ledger, principal.name) != principal:
            raise Unauthenticated("this cannot sign in a browser", hint="sign in as a user of the rack")
        await ledger.sign_ins.begin(SignIn(principal.name, _hash(rack, secret), credential, now + LASTS), made)
        await record.event(ledger, "session:open", made)
    return secret


async def resume(rack: Rack, secret: str, rack_password: str = "") -> Session:
    """Return whose browser it is, with what they may do now; raises Unauthenticated for one that is over."""
    async with rack.store.read() as ledger:
        sign_in = await ledger.sign_ins.find(_hash(rack, secret))
        if sign_in is None or sign_in.expires_at <= rack.clock.now():
            raise _signed_out()
        credential = await _credential(rack, ledger, sign_in.name, rack_password)
        if credential is None or not hmac.compare_digest(credential, sign_in.credential):
            raise _signed_out()
        principal = await _principal(ledger, sign_in.name)
    return Session(principal, rack.secrets.fingerprint(f"form\n{secret}".encode()), sign_in.expires_at)


async def close_session(rack: Rack, secret: str) -> None:
    """Sign a browser out. Called twice it does nothing more."""
    async with rack.store.write() as ledger:
        sign_in = await ledger.sign_ins.find(_hash(rack, secret))
        if sign_in is None:
            return
        made = Made(rack.clock.now(), sign_in.name)
        await ledger.sign_ins.end(sign_in, made)
        await record.event(ledger, "session:close", made)
    record.announce(rack)


async def close_all(rack: Rack, name: str) -> None:
    """Sign out every browser of a user, or of the first admin."""
    made = Made(rack.clock.now(), name)
    async with rack.store.write() as ledger:
        await ledger.sign_ins.end_all(name, made)
        await record.event(ledger, "session:close-all", made)
    record.announce(rack)


async def _credential(rack: Rack, ledger: Ledger, name: str, rack_password: str) -> str | None:
    """Return a keyed hash of what this name signs in with; None for who cannot."""
    if name == FIRST_ADMIN:
        return rack.secrets.fingerprint(f"credential\n{name}\n{rack_password}".encode())
    user = await ledger.users.find(name)
    if user is None or not user.password:
        return None
    return rack.secrets.fingerprint(f"credential\n{name}\n{user.password}".encode())


async def _principal(ledger: Ledger, name: str) -> Principal:
    if name == FIRST_ADMIN:
        return ADMIN
    user = await ledger.users.find(name)
    if user is None:
        raise _signed_out()
    return user.principal()


def _hash(rack: Rack, secret: str) -> str:
    return rack.secrets.fingerprint(f"browser\n{secret}".encode())


def _signed_out() -> Unauthenticated:
    return Unauthenticated("signed out", hint="sign in again")
