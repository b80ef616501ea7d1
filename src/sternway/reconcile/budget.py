"""The memory that standby may use on the whole rack: what has stood by for longest goes first."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sternway.core import standby
from sternway.core.errors import SternwayError
from sternway.core.formation import FormationKey
from sternway.core.standby import Standby
from sternway.ops.rack import Rack
from sternway.reconcile.worker import AppWorker

LOOK_EVERY_S = 10.0
ASK_S = 5.0
NEVER = datetime.max.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """A formation that stands by, and the memory that it holds."""

    standby: Standby
    memory_mib: float


async def run(rack: Rack, workers: Callable[[], Iterable[AppWorker]]) -> None:
    """Keep what stands by within the budget, until cancelled."""
    while True:
        await rack.clock.sleep(LOOK_EVERY_S)
        there = {each.key: worker for worker in workers() for each in worker.bench.resting}
        if not there:
            continue
        try:
            async with asyncio.timeout(ASK_S):
                over = excess(await _held(rack, workers()), await _budget_mib(rack))
        except (TimeoutError, SternwayError):
            continue  # what is not known is left alone until it is
        for key in over & there.keys():
            log.info("standby gives way to the memory budget", extra={"app": key.app, "service": key.service})
            there[key].give_up(key)


def excess(held: Iterable[Held], budget_mib: float) -> frozenset[FormationKey]:
    """Return what has to go: of what is over the budget that which has stood by for longest."""
    newest_first = sorted(held, key=lambda each: (each.standby.since or NEVER, each.standby.key), reverse=True)
    left, over = budget_mib, list[FormationKey]()
    for each in newest_first:
        left -= each.memory_mib
        over += [each.standby.key] if left < 0 else []
    return frozenset(over)


async def _held(rack: Rack, workers: Iterable[AppWorker]) -> list[Held]:
    return [held for worker in workers if worker.bench.resting for held in await _held_by(rack, worker)]


async def _held_by(rack: Rack, worker: AppWorker) -> list[Held]:
    used = {id: usage.memory_mib for id, usage in (await rack.processes.usage(worker.name)).items()}
    there = {f.key: f.processes for f in await rack.engine.observe(worker.name)}
    return [Held(each, sum(used.get(p.id, 0.0) for p in there.get(each.key, ()))) for each in worker.bench.resting]


async def _budget_mib(rack: Rack) -> float:
    async with rack.store.read() as ledger:
        stored: Mapping[str, str] = await ledger.parameters.get()
    return standby.budget_mib(stored.get(standby.BUDGET, ""), rack.settings.memory_mib)
