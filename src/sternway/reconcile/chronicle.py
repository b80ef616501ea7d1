"""What a worker puts on record: transitions of promotions, their events, and steps in words for people.

Steps gather in memory while work goes on and are written with the next transition, or before the worker
waits: whoever watches sees them, and a fast promotion pays for one write.
"""

from sternway.core import crossing
from sternway.core.app import App, Made
from sternway.core.event import Happening
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.ops import apps
from sternway.ops.rack import Rack
from sternway.ports import Ledger, Step

BY = "rack"

_ACTIONS = {
    PromotionStatus.COMPLETED: ("app:promote:completed", "success"),
    PromotionStatus.REVERTED: ("app:promote:errored", "error"),
}


class Chronicle:
    """The record of one app's promotions, as its worker writes it."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._steps: list[Step] = []
        self._told: set[tuple[int, str]] = set()

    def note(self, promotion: Promotion | None, text: str) -> None:
        """Add a step, once for each promotion; without a promotion there is nobody to tell."""
        if promotion is None or (promotion.id, text) in self._told:
            return
        self._told = {(id, told) for id, told in self._told if id == promotion.id} | {(promotion.id, text)}
        self._steps.append(Step(self._rack.clock.now(), text, promotion.id))

    async def flush(self, app: App) -> None:
        """Write the steps that have gathered."""
        if not self._steps:
            return
        async with self._rack.store.write() as ledger:
            await self._write_steps(ledger, app)
        self._steps.clear()
        self._rack.changes.notify(app.name)

    async def record(self, app: App, promotion: Promotion, status: PromotionStatus, cause: str = "") -> None:
        """Write a transition with the steps before it, and the event if it ends the promotion."""
        at = self._rack.clock.now()
        async with self._rack.store.write() as ledger:
            await self._write_steps(ledger, app)
            recorded = await ledger.promotions.record(promotion, status, at, cause or promotion.cause)
            if status in _ACTIONS and recorded.status is status:
                action, outcome = _ACTIONS[status]
                detail = {"id": promotion.release_id, "message": recorded.cause}
                await apps.record(ledger, app, Happening(action, BY, at, status=outcome, detail=detail))
            self._rack.cross(crossing.recording(status))
        self._rack.cross(crossing.recorded(status))
        self._steps.clear()
        self._rack.changes.notify(app.name)

    async def leaving(self, name: str) -> int:
        """Return the id of the deleted app of this name that is being taken down; 0 if there is none."""
        async with self._rack.store.read() as ledger:
            return next((app.id for app in await ledger.apps.list_deleted() if app.name == name), 0)

    async def record_dismantled(self, name: str) -> None:
        """Record for each deleted app of this name that nothing of it runs any more."""
        made = Made(self._rack.clock.now(), BY)
        async with self._rack.store.write() as ledger:
            gone = [app for app in await ledger.apps.list_deleted() if app.name == name]
            for app in gone:
                await ledger.apps.record_dismantled(app, made)
        if gone:
            self._rack.changes.notify(name)

    async def _write_steps(self, ledger: Ledger, app: App) -> None:
        for step in self._steps:
            await ledger.promotions.note(app, step)
