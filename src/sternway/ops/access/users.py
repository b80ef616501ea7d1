"""Users of the rack: who there is, what they may do, and their passwords."""

from collections.abc import Sequence
from dataclasses import replace

from sternway.core import access
from sternway.core.access import Grant, User
from sternway.core.app import Made
from sternway.core.errors import Conflict, InvalidInput
from sternway.ops.access import callers, invitations, record
from sternway.ops.rack import Rack


async def list_all(rack: Rack) -> Sequence[User]:
    """Return them by name."""
    async with rack.store.read() as ledger:
        return await ledger.users.list()


async def get(rack: Rack, name: str) -> User:
    """Return one; raises NotFound."""
    async with rack.store.read() as ledger:
        return await callers.found(ledger, name)


async def add(rack: Rack, name: str, grant: Grant, made: Made) -> str:
    """Record a user, and return the invitation with which they choose a password; it is shown this once.

    Raises InvalidInput, and Conflict if there is one of that name.
    """
    user = User(access.check_user_name(name), access.check_grant(grant), made)
    invited, text = invitations.with_invitation(rack, user, made)
    async with rack.store.write() as ledger:
        if await ledger.users.find(name):
            raise Conflict(f"user {name} is there already", hint=f"sternway users role {name} ROLE")
        await ledger.users.record(invited)
        await record.event(ledger, "user:add", made, user=name, **record.grant_detail(grant))
    record.announce(rack)
    return text


async def allow(rack: Rack, name: str, grant: Grant, made: Made) -> User:
    """Record what a user may do from now on; raises NotFound and InvalidInput."""
    access.check_grant(grant)
    async with rack.store.write() as ledger:
        user = replace(await callers.found(ledger, name), grant=grant, made=made)
        await ledger.users.record(user)
        await record.event(ledger, "user:role", made, user=name, **record.grant_detail(grant))
    record.announce(rack)
    return user


async def remove(rack: Rack, name: str, made: Made) -> None:
    """Record that a user is gone: their next request, and what they have open, is refused. Raises NotFound."""
    async with rack.store.write() as ledger:
        await ledger.users.remove(await callers.found(ledger, name), made)
        await ledger.sign_ins.end_all(name, made)
        await record.event(ledger, "user:remove", made, user=name)
    record.announce(rack)


async def change_password(rack: Rack, name: str, passwords: tuple[str, str], made: Made, address: str = "") -> None:
    """Replace a password, the old one first; whatever was signed in with it is signed out.

    Raises Unauthenticated for a wrong old one, TooManyAttempts, and InvalidInput for a new one that will not do.
    """
    old, new = passwords
    if not access.is_user_name(name):
        raise InvalidInput(f"{name} is no user, and has no password to change", hint="sternway users me")
    access.check_password(new)
    user = await callers.verified_user(rack, name, old, address)
    stretched = await rack.secrets.stretch(new)
    async with rack.store.write() as ledger:
        now = await callers.found(ledger, name)
        if now.password != user.password:
            raise callers.refused()
        await ledger.users.record(replace(now, password=stretched, made=made))
        await record.event(ledger, "user:password", made, user=name)
    record.announce(rack)
