"""Clears away archives that were uploaded and never built: whoever sent them went away before ordering the build."""

import logging
from datetime import timedelta

from sternway.core.errors import NotFound, SternwayError
from sternway.ops.builds import shelf
from sternway.ops.rack import Rack

log = logging.getLogger(__name__)

PREFIX = "tmp/"
"""Where clients put what they upload for a build."""
KEPT = timedelta(hours=24)
LOOK_AGAIN_S = 3600.0


async def run(rack: Rack) -> None:
    """Sweep every hour, until cancelled."""
    while True:
        try:
            await sweep(rack)
        except SternwayError as exc:
            log.warning("cannot clear away uploads", extra={"problem": exc.message})
        await rack.clock.sleep(LOOK_AGAIN_S)


async def sweep(rack: Rack) -> int:
    """Remove the archives older than a day that no build waits for or works on, and return how many."""
    old = await rack.objects.list_older(PREFIX, rack.clock.now() - KEPT)
    if not old:
        return 0
    async with rack.store.read() as ledger:
        needed = {(shelf(app), build.options.source) for app, build in await ledger.builds.list_open()}
    removed = 0
    for app, key in old:
        removed += (app, key) not in needed and await _remove(rack, app, key)
    if removed:
        log.info("cleared away uploads that were never built", extra={"count": removed})
    return removed


async def _remove(rack: Rack, app: str, key: str) -> bool:
    try:
        await rack.objects.delete(app, key)
    except NotFound:
        return False
    return True
