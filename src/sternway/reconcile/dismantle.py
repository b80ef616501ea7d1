"""Taking everything down that a rack runs: its apps and its router. The ledger stays as it is."""

import asyncio
import contextlib
import logging

from sternway.ops import one_offs
from sternway.ops.rack import Rack
from sternway.reconcile import lease

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
LOOK_AGAIN_S = 1.0


async def dismantle(rack: Rack, holder: str) -> None:
    """Take routes and processes of every app down, then the router; no worker may run meanwhile.

    Processes get their grace. Artifacts and data in volumes stay, for the next rack over this ledger. Raises
    TimeoutError if some processes are still there after a minute more than that.
    """
    epoch = await lease.take(rack, holder)
    async with rack.store.read() as ledger:
        apps = [*await ledger.apps.list(), *await ledger.apps.list_deleted()]
    names = {app.name for app in apps}
    for name in names:
        await rack.router.apply(name, (), epoch=epoch)
        for formation in await rack.engine.observe(name):
            await rack.engine.retire(formation.key, keep=0, epoch=epoch)
        await one_offs.stop_all(rack, name, epoch=epoch)
    async with asyncio.timeout(PATIENCE_S):
        for name in names:
            await _gone(rack, name, epoch)
            await rack.engine.withdraw(name, epoch=epoch)
    await rack.router.stop()
    log.info("apps and router are down; images and volumes stay", extra={"apps": len(names)})


async def _gone(rack: Rack, name: str, epoch: int) -> None:
    """Return once nothing of the app runs, looking again whenever its engine saw a change."""
    changed = asyncio.Event()
    rack.engine.subscribe(lambda topic: changed.set() if topic == name else None)
    while await rack.engine.observe(name) or await one_offs.stop_all(rack, name, epoch=epoch):
        changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_S):
                await changed.wait()
