"""One worker per app, woken by whatever changes: rows, processes, time."""

import asyncio
import logging

from sternway.ops.changes import RACK
from sternway.ops.rack import Rack
from sternway.reconcile import budget, lapsed, lease, moving, uploads
from sternway.reconcile.builds import BuildYard
from sternway.reconcile.worker import AppWorker

log = logging.getLogger(__name__)


class Reconciler:
    """Takes the lease of the rack and works until cancelled. Cancelled, it leaves apps and router as they are."""

    def __init__(self, rack: Rack, holder: str) -> None:
        self._rack = rack
        self._holder = holder
        self._yard = BuildYard(rack)
        self._workers: dict[str, AppWorker] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._epoch = 0

    async def run(self) -> None:
        """Reconcile every app, and those that come, until cancelled."""
        rack = self._rack
        self._epoch = await lease.take(rack, self._holder)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                rack.changes.subscribe(self._wake)
                rack.engine.subscribe(self._wake)
                tasks.create_task(self._yard.run(), name="builds")
                tasks.create_task(uploads.run(rack), name="uploads")
                tasks.create_task(lapsed.run(rack), name="lapsed apps")
                tasks.create_task(moving.run(rack), name="versions")
                tasks.create_task(budget.run(rack, lambda: tuple(self._workers.values())), name="standby")
                for name in await self._names():
                    self._wake(name)
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    async def _names(self) -> set[str]:
        async with self._rack.store.read() as ledger:
            apps = [*await ledger.apps.list(), *await ledger.apps.list_deleted()]
        return {app.name for app in apps}

    def _wake(self, topic: str) -> None:
        if topic == RACK or self._tasks is None:
            return
        self._yard.wake()
        worker = self._workers.get(topic)
        if worker is None:
            worker = self._workers[topic] = AppWorker(self._rack, topic, self._epoch)
            self._tasks.create_task(self._work(topic, worker), name=f"app {topic}")
        worker.wake()

    async def _work(self, name: str, worker: AppWorker) -> None:
        try:
            await worker.run()
        finally:
            self._workers.pop(name, None)
