"""What the machine has, and what the apps use of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sternway.core.errors import SternwayError
from sternway.ops import apps
from sternway.ops.rack import Rack

WAIT_S = 2.0
"""How long the engine is waited for, for all apps together."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Use:
    """What the processes of an app use now, those that stand by included."""

    app: str
    processes: int
    cpu: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """Cores and MiB of the machine, 0 where they are not known, and what each app uses, the largest first.

    `unknown` names the apps of which the engine did not say so in time.
    """

    cpus: int
    memory_mib: int
    uses: Sequence[Use]
    unknown: Sequence[str] = ()

    @property
    def cpu_used(self) -> float:
        """Return the cores that apps use."""
        return sum(use.cpu for use in self.uses)

    @property
    def memory_used_mib(self) -> float:
        """Return the memory that apps use."""
        return sum(use.memory_mib for use in self.uses)

    @property
    def processes(self) -> int:
        """Return how many processes there are."""
        return sum(use.processes for use in self.uses)


async def measure(rack: Rack, wait_s: float = WAIT_S) -> Capacity:
    """Return what is used now, as far as the engine says so in time."""
    names = [view.app.name for view in await apps.list_all(rack)]
    found: dict[str, Use] = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(name: str) -> None:
        async with places:
            try:
                used = (await rack.processes.usage(name)).values()
            except SternwayError:
                return
        found[name] = Use(name, len(used), sum(each.cpu for each in used), sum(each.memory_mib for each in used))

    try:
        async with asyncio.timeout(wait_s), asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(ask(name))
    except TimeoutError:
        pass
    uses = sorted(found.values(), key=lambda use: (-use.memory_mib, use.app))
    settings = rack.settings
    return Capacity(settings.cpus, settings.memory_mib, uses, [name for name in names if name not in found])
