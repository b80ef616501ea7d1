"""Invitations: with one a user chooses a password, once, within `core.access.INVITATION_LASTS`."""

import hmac
from dataclasses import replace

from sternway.core import access
from sternway.core.access import Principal, User
from sternway.core.app import Made
from sternway.core.errors import Unauthenticated
from sternway.ops.access import callers, record
from sternway.ops.rack import Rack


async def invite(rack: Rack, name: str, made: Made) -> str:
    """Return a new invitation, shown this once, in place of any other; a password stays until it is accepted.

    Raises NotFound.
    """
    async with rack.store.write() as ledger:
        user, text = with_invitation(rack, await callers.found(ledger, name), made)
        await ledger.users.record(user)
        await record.event(ledger, "user:invite", made, user=name)
    return text


async def accept_invitation(rack: Rack, invitation: str, password: str) -> Principal:
    """Set the password of whom the invitation names, and return them; it is worth nothing from then on.

    Raises InvalidInput for a password that will not do, which leaves the invitation good, and Unauthenticated.
    """
    access.check_password(password)
    name, _ = access.read_invitation(invitation) or ("", "")
    await _invited(rack, invitation)
    stretched = await rack.secrets.stretch(password)
    made = Made(rack.clock.now(), by=name)
    async with rack.store.write() as ledger:
        user = await ledger.users.find(name)
        if user is None or not _is_good(rack, user, invitation):
            raise _refused()
        accepted = replace(user, password=stretched, invitation="", invited_until=None, made=made)
        await ledger.users.record(accepted)
        await ledger.sign_ins.end_all(name, made)
        await record.event(ledger, "user:password", made, user=name)
    record.announce(rack)
    return accepted.principal()


def with_invitation(rack: Rack, user: User, made: Made) -> tuple[User, str]:
    """Return the user as invited, and the invitation."""
    text = access.invitation_text(user.name, rack.ids.secret())
    until = rack.clock.now() + access.INVITATION_LASTS
    return replace(user, invitation=_hash(rack, text), invited_until=until, made=made), text


async def _invited(rack: Rack, invitation: str) -> None:
    """Raise Unauthenticated for an invitation that is not good, before anything costly is done for it."""
    name, _ = access.read_invitation(invitation) or ("", "")
    async with rack.store.read() as ledger:
        user = await ledger.users.find(name)
    if user is None or not _is_good(rack, user, invitation):
        raise _refused()


def _is_good(rack: Rack, user: User, invitation: str) -> bool:
    is_theirs = hmac.compare_digest(user.invitation, _hash(rack, invitation.strip()))
    return is_theirs and user.invited_until is not None and rack.clock.now() < user.invited_until


def _hash(rack: Rack, invitation: str) -> str:
    return rack.secrets.fingerprint(f"invitation\n{invitation}".encode())


def _refused() -> Unauthenticated:
    return Unauthenticated("this invitation is not good", hint="it was used, or is too old: ask for another")
