"""Use cases of image registries: who to be at each, and where copies of images are kept."""

from collections.abc import Mapping, Sequence

from sternway.core.app import Made
from sternway.core.errors import InvalidInput
from sternway.core.event import RACK_CHAIN, Happening
from sternway.core.registry import PARAMETER, Login, Registries, read_server
from sternway.ops.changes import RACK
from sternway.ops.rack import Rack
from sternway.ports import Store

WORD_MAX_LENGTH = 4096


async def known(store: Store) -> Registries:
    """Return what engines have to know of registries."""
    async with store.read() as ledger:
        logins = await ledger.logins.list()
        parameters = await ledger.parameters.get()
    return Registries({login.server: login for login in logins}, parameters.get(PARAMETER, ""))


async def list_all(rack: Rack) -> Sequence[Login]:
    """Return the logins by server, with their passwords: leave those out of whatever is shown."""
    async with rack.store.read() as ledger:
        return await ledger.logins.list()


async def add(rack: Rack, login: Login, made: Made) -> Login:
    """Record a login, in place of the one for that server; the registry is not asked.

    Returns it with the server as it is known from now on. Raises InvalidInput.
    """
    login = _checked(login)
    async with rack.store.write() as ledger:
        await ledger.logins.add(login, made)
        detail = _detail({"server": login.server, "user": login.username}, made)
        await ledger.events.append(RACK_CHAIN, Happening("registry:add", made.by, made.at, detail=detail))
    rack.changes.notify(RACK)
    return login


async def remove(rack: Rack, server: str, made: Made) -> None:
    """Record that a login is gone; raises NotFound, and InvalidInput for what cannot be a server."""
    server = read_server(server)
    async with rack.store.write() as ledger:
        await ledger.logins.remove(server, made)
        detail = _detail({"server": server}, made)
        await ledger.events.append(RACK_CHAIN, Happening("registry:remove", made.by, made.at, detail=detail))
    rack.changes.notify(RACK)


def _checked(login: Login) -> Login:
    server = read_server(login.server)
    for name, value in (("username", login.username), ("password", login.password)):
        if not value or len(value) > WORD_MAX_LENGTH or not value.isprintable():
            raise InvalidInput(
                f"{name}: it is empty, too long or not printable", hint="sternway registries add SERVER USERNAME"
            )
    return Login(server, login.username, login.password)


def _detail(members: Mapping[str, str], made: Made) -> Mapping[str, str]:
    return {**members, "reason": made.reason} if made.reason else members
