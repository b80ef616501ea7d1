"""Use cases of image registries: who to be at each, and where copies of images are kept."""

from sternway.core.registry import PARAMETER, Registries
from sternway.ports import Store


async def known(store: Store) -> Registries:
    """Return what engines have to know of registries."""
    async with store.read() as ledger:
        logins = await ledger.logins.list()
        parameters = await ledger.parameters.get()
    return Registries({login.server: login for login in logins}, parameters.get(PARAMETER, ""))
