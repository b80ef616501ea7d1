"""Removes what was built for apps that were deleted so long ago that they cannot be restored any more.

The ledger says which those are and what the apps that are left need, so nothing is removed that it does not know of:
a rack whose ledger was put back from a backup keeps what was built since.
"""

import logging

from sternway.core.app import App
from sternway.core.errors import SternwayError
from sternway.ops import restoration
from sternway.ops.rack import Rack

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 3600.0


async def run(rack: Rack) -> None:
    """Look every hour, until cancelled; each app is dealt with once."""
    done: set[int] = set()
    while True:
        try:
            done |= await sweep(rack, done)
        except SternwayError as exc:
            log.warning("cannot remove what deleted apps built", extra={"problem": exc.message})
        except OSError as exc:
            log.warning("cannot remove what deleted apps built", extra={"problem": exc.strerror})
        await rack.clock.sleep(LOOK_AGAIN_S)


async def sweep(rack: Rack, done: set[int]) -> set[int]:
    """Remove the artifacts of apps whose time is over, but for those already done, and return the apps' ids.

    While a build is open nothing is removed: it may just make what would be.
    """
    lapsed = {app.id: app for app in await _lapsed(rack) if app.id not in done}
    if not lapsed:
        return set()
    async with rack.store.read() as ledger:
        if await ledger.builds.list_open():
            return set()
        made = await ledger.builds.all_artifacts()
    needed = {artifact for app_id, found in made.items() if app_id not in lapsed.keys() | done for artifact in found}
    for app in lapsed.values():
        await rack.builder.discard(app.name, made.get(app.id, ()), needed=needed)
    log.info("removed what deleted apps had built", extra={"apps": sorted(app.name for app in lapsed.values())})
    return set(lapsed)


async def _lapsed(rack: Rack) -> list[App]:
    async with rack.store.read() as ledger:
        return list(await ledger.apps.list_lapsed(rack.clock.now() - restoration.RETENTION))
