"""What the processes of a release printed that did not stay: the first thing that one wants to see."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from sternway.console.views import logs
from sternway.console.views.logs import Narrowing, ShownLine
from sternway.core.errors import SternwayError
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.ops import formations, processes
from sternway.ops.rack import Rack
from sternway.ports import LogQuery

LINES = 50
PATIENCE_S = 2.0
_DID_NOT_STAY = (PromotionStatus.REVERTING, PromotionStatus.REVERTED, PromotionStatus.CANCELLED)


async def shown(rack: Rack, app_name: str, promotion: Promotion) -> Mapping[str, Any]:
    """Return what a page shows of it; `failed` is None for an attempt that did not fail."""
    if promotion.status not in _DID_NOT_STAY:
        return {"failed": None}
    # Links to a line lead to all that this release printed from then on.
    wanted = Narrowing(release=promotion.release_id)
    return {"failed": await _lines(rack, app_name, promotion), "wanted": wanted}


async def _lines(rack: Rack, app_name: str, promotion: Promotion) -> Sequence[ShownLine]:
    """Return the last lines; none while the engine does not answer at once."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            started = await _started(rack, app_name, promotion)
            query = LogQuery(promotion.made.at, LINES, follow=False, fingerprints=started)
            async with aclosing(processes.logs(rack, app_name, query)) as lines:
                return [logs.shown(line) async for line in lines]
    except (TimeoutError, SternwayError):
        return []


async def _started(rack: Rack, app_name: str, promotion: Promotion) -> frozenset[str]:
    """Return the fingerprints that only this release brought; all of its own, if it brought none."""
    own = await formations.of_release(rack, app_name, promotion.release_id)
    kept = await formations.of_release(rack, app_name, promotion.replaces) if promotion.replaces else frozenset()
    return frozenset(key.fingerprint for key in (own - kept or own))
