"""What a request that begins a promotion gives its worker, so that what is known then need not be found out again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sternway.core.errors import Unavailable
from sternway.core.formation import FormationKey
from sternway.core.plan import Desired
from sternway.ops.rack import Rack
from sternway.ops.situation import Situation

TURNS = 2
"""Of the loop, after which whoever examines has put its questions."""


@dataclass(frozen=True, slots=True)
class HeadStart:
    """The situation as it was written, None where only the worker can read it, and which formations are well known."""

    situation: Situation | None
    examined: Collection[FormationKey] = ()


class Examination:
    """Looks at formations that run, each by itself."""

    def __init__(self, rack: Rack, keys: Collection[FormationKey]) -> None:
        self._looks = {key: asyncio.create_task(rack.engine.examine(key)) for key in keys}

    def ended(self) -> Collection[FormationKey]:
        """Return which have answered by now."""
        return {
            key for key, look in self._looks.items() if look.done() and not look.cancelled() and not look.exception()
        }

    async def leave(self) -> None:
        """Wait for no more answers."""
        for look in self._looks.values():
            look.cancel()
        if self._looks:
            await asyncio.wait(self._looks.values())


@asynccontextmanager
async def examining(rack: Rack, desired: Desired) -> AsyncIterator[Examination]:
    """Examine what is wanted and stands by while the block writes down that it is wanted."""
    there: Collection[FormationKey] = ()
    with contextlib.suppress(Unavailable):
        there = await standing_by(rack, desired)
    examination = Examination(rack, there)
    try:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        yield examination
    finally:
        await examination.leave()


async def standing_by(rack: Rack, desired: Desired, besides: Collection[FormationKey] = ()) -> Collection[FormationKey]:
    """Return which of the wanted formations are there and take no requests, `besides` those that are known already."""
    there = {formation.key for formation in await rack.engine.observe(desired.app)}
    wanted = there.intersection(target.formation.key for target in desired.services).difference(besides)
    if not wanted:
        return wanted
    return wanted - {member.formation for route in await rack.router.observe(desired.app) for member in route.members}
