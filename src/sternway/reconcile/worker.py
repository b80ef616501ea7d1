"""The worker of one app: observe, plan, apply, and record how it went.

It holds no state that matters. Killed at any point, the next one reads the same rows, sees what is there,
and plans the rest.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sternway.core import crossing
from sternway.core.app import App
from sternway.core.errors import CallerError, StaleEpoch, SternwayError, Unavailable
from sternway.core.formation import FormationKey, FormationState, Health
from sternway.core.plan import (
    Action,
    Desired,
    Freeze,
    Observed,
    Outcome,
    Retire,
    Start,
    Switch,
    Verdict,
    judge,
    plan,
    resting,
)
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.ops import one_offs, situation
from sternway.ops.head_start import HeadStart, standing_by
from sternway.ops.rack import Rack
from sternway.ops.situation import Basis, Situation
from sternway.reconcile import narrate
from sternway.reconcile.chronicle import Chronicle
from sternway.reconcile.commands import Commands
from sternway.reconcile.drain import Drain, drain_times
from sternway.reconcile.standby import Bench

log = logging.getLogger(__name__)

IDLE_S = 30.0
"""How long a worker with nothing to do waits before it looks again by itself."""
DRAINING_S = 0.25
TOLD_AFTER_S = 0.25
ROLLING_S = 1.0
FIRST_BACKOFF_S = 0.5


class AppWorker:
    """Works for the app of one name, whichever app has that name now."""

    def __init__(self, rack: Rack, name: str, epoch: int) -> None:
        self._rack = rack
        self.name = name
        self.bench = Bench(rack)
        self._epoch = epoch
        self._awake = asyncio.Event()
        self._drain = Drain()
        self._chronicle = Chronicle(rack)
        self._commands = Commands(rack, epoch, self._chronicle)
        self._backoff_s = FIRST_BACKOFF_S
        self._known: tuple[int, Situation] | None = None
        self._wanted: tuple[Basis, Desired] | None = None
        self._examined: Collection[FormationKey] = ()
        self._called_up: int | None = None

    def wake(self) -> None:
        """Have it look again soon; called any number of times it looks once."""
        self._awake.set()

    def give_up(self, key: FormationKey) -> None:
        """Have a formation not stand by any more."""
        self.bench.give_up(key)
        self.wake()

    async def run(self) -> None:
        """Work until nothing of the app is left to work on, or another rack has taken over."""
        pause_s: float | None = 0.0
        while pause_s is not None:
            self._awake.clear()
            try:
                pause_s = await self._round()
                self._backoff_s = FIRST_BACKOFF_S
            except StaleEpoch:
                log.warning("another rack has taken over", extra={"app": self.name})
                return
            except Exception as exc:  # noqa: BLE001 - the worker's edge: log, wait, try again
                pause_s = self._after_error(exc)
            await self._sleep(pause_s)

    def _after_error(self, exc: Exception) -> float:
        is_expected = isinstance(exc, Unavailable)
        level = logging.WARNING if is_expected else logging.ERROR
        log.log(level, "round failed", extra={"app": self.name}, exc_info=None if is_expected else exc)
        self._backoff_s = min(self._backoff_s * 2, IDLE_S)
        return self._backoff_s

    async def _sleep(self, seconds: float | None) -> None:
        if seconds:
            try:
                async with asyncio.timeout(seconds):
                    await self._awake.wait()
            except TimeoutError:
                if seconds >= ROLLING_S:
                    self._known = None  # a notification may have got lost: rows are the truth

    async def _round(self) -> float | None:
        """Do what can be done now; return how long to wait at most, or None when all is over."""
        now = await self._situation()
        held = await self._commands.look(now)
        try:
            desired = self._desired(now)
        except SternwayError as exc:
            return await self._after_refusal(now, exc)
        desired = replace(desired, standby=await self.bench.choose(now, desired))
        await self._call_up(now, desired)
        observed = await self._observe(desired)
        if now.is_forward:
            for line in narrate.healthy(desired, observed):
                self._chronicle.note(now.open, line)
        if now.app and now.open and await self._conclude(now, held or judge(desired, observed), observed):
            return 0
        actions = plan(desired, observed)
        try:
            await self._apply_all(actions, now)
        except CallerError as exc:  # what the release asks for cannot be had, such as a host of another app
            return await self._after_refusal(now, exc)
        return await self._rest(now, observed, actions)

    async def _apply_all(self, actions: tuple[Action, ...], now: Situation) -> None:
        for action in actions:
            self._chronicle.note(now.open, narrate.describe(action))
            await self._apply(action)

    async def _situation(self) -> Situation:
        """Return what the rows say; they are not read again when only a process or a route changed."""
        version = self._rack.changes.version(self.name)
        if self._known is None or self._known[0] != version:
            told: HeadStart | None = self._rack.changes.told(self.name)
            self._examined = told.examined if told else ()
            written = told.situation if told else None
            self._known = version, written or await situation.read(self._rack, self.name)
        return self._known[1]

    def _desired(self, now: Situation) -> Desired:
        """Return what is to run; it is worked out again only when something that it comes from changed."""
        if self._wanted is None or self._wanted[0] != now.basis:
            self._wanted = now.basis, now.desired(self._rack)
            if now.target:
                self.bench.remember(now.target.id, self._wanted[1])
        return self._wanted[1]

    async def _call_up(self, now: Situation, desired: Desired) -> None:
        """Look anew at what stood by and is wanted again, once; what is not well starts from the beginning."""
        if now.open is None or now.due or self._called_up == now.open.id:
            return
        known = self._examined
        wanted = await standing_by(self._rack, desired, besides=known)
        await asyncio.gather(*(self._rack.engine.examine(key) for key in wanted))
        for formation in await self._rack.engine.observe(self.name):
            if formation.key in {*wanted, *known} and not _is_well(formation):
                await self._apply(Retire(formation.key, 0))
        self._called_up = now.open.id

    async def _observe(self, desired: Desired) -> Observed:
        rack = self._rack
        formations = await rack.engine.observe(self.name)
        routes = await rack.router.observe(self.name)
        now = rack.clock.now()
        wanted = {target.formation.key: target.count for target in desired.services}
        at_rest = resting(desired, Observed(now, formations, routes))
        self.bench.take(desired.standby, at_rest)
        self._drain.update([f for f in formations if f.key not in at_rest], routes, now, wanted)
        in_flight = await rack.traffic.in_flight() if self._drain.has_waiting() else {}
        quiet = self._drain.quiet(formations, in_flight, now, drain_times(desired))
        return Observed(now, formations, routes, quiet)

    async def _apply(self, action: Action) -> None:
        before, after = crossing.around(action)
        self._rack.cross(before)
        match action:
            case Start(formation, count):
                await self._rack.engine.ensure(formation, count, epoch=self._epoch)
            case Switch(routes):
                await self._rack.router.apply(self.name, routes, epoch=self._epoch)
            case Freeze(key):
                await self._rack.engine.freeze(key, epoch=self._epoch)
            case Retire(key, keep):
                await self._rack.engine.retire(key, keep=keep, epoch=self._epoch)
        self._rack.cross(after)

    async def _rest(self, now: Situation, observed: Observed, actions: tuple[Action, ...]) -> float | None:
        """Return how long nothing can change without a wake-up."""
        if any(not isinstance(action, Retire) for action in actions):
            return 0
        if now.app and (soon := _told_in_s(now.open, observed.now)) > 0:
            return DRAINING_S if actions else soon
        if now.app:
            await self._tell(now.app, now.open)
        elif not observed.formations and not observed.routes:
            if await one_offs.stop_all(self._rack, self.name, epoch=self._epoch):
                return DRAINING_S
            owner = await self._chronicle.leaving(self.name)
            await self._rack.engine.forget(self.name, epoch=self._epoch, owner=owner)
            await self._chronicle.record_dismantled(self.name)
            return None
        if actions or self._drain.has_waiting(observed.quiet):
            return DRAINING_S
        return ROLLING_S if now.open or self._commands.are_open else self._idle_s(observed)

    def _idle_s(self, observed: Observed) -> float:
        """Return how long to wait with nothing to do: not beyond the end of what stands by."""
        end = self.bench.next_end()
        return min(IDLE_S, max((end - observed.now).total_seconds(), DRAINING_S)) if end else IDLE_S

    async def _tell(self, app: App, promotion: Promotion | None) -> None:
        """Put on record what whoever watches should see while the worker waits."""
        if promotion and promotion.status is PromotionStatus.PENDING:
            await self._chronicle.record(app, promotion, PromotionStatus.UPDATING)
        else:
            await self._chronicle.flush(app)

    async def _conclude(self, now: Situation, verdict: Verdict, observed: Observed) -> bool:
        """Record what the verdict means for the open promotion; True if the target may be another one now."""
        app, promotion = now.require_open()
        match promotion.status, self._bounded(promotion, verdict, observed):
            case PromotionStatus.REVERTING, Verdict(Outcome.DONE):
                await self._reverted(app, promotion, now)
                return True
            case PromotionStatus.REVERTING, _:
                return False
            case _, Verdict(Outcome.DONE):
                self._chronicle.note(promotion, f"Release {promotion.release_id} is active")
                await self._chronicle.record(app, promotion, PromotionStatus.COMPLETED)
                return True
            case _, Verdict(Outcome.FAILED, cause):
                await self._revert(app, promotion, cause)
                return True
            case _:
                return False

    def _bounded(self, promotion: Promotion, verdict: Verdict, observed: Observed) -> Verdict:
        is_late = promotion.deadline() <= observed.now
        if is_late and verdict.outcome is Outcome.WAITING:
            late = f"not finished within {timedelta(seconds=promotion.options.timeout_s)}"
            return Verdict(Outcome.FAILED, f"{late}: {verdict.cause}" if verdict.cause else late)
        return verdict

    async def _revert(self, app: App, promotion: Promotion, cause: str) -> None:
        self._chronicle.note(promotion, f"Release {promotion.release_id} failed: {cause}")
        await self._chronicle.record(app, promotion, PromotionStatus.REVERTING, cause)

    async def _reverted(self, app: App, promotion: Promotion, now: Situation) -> None:
        back_to = f"{now.target.id} is active" if now.target else "no release is active"
        self._chronicle.note(promotion, f"Reverted: {back_to}")
        await self._chronicle.record(app, promotion, PromotionStatus.REVERTED)

    async def _after_refusal(self, now: Situation, error: SternwayError) -> float:
        """Deal with a release that cannot even be read as something to run."""
        if now.app and now.open and now.open.status is not PromotionStatus.REVERTING:
            await self._revert(now.app, now.open, error.message)
            return 0
        log.error("the active release cannot run", extra={"app": self.name, "cause": error.message})
        return IDLE_S


def _told_in_s(promotion: Promotion | None, now: datetime) -> float:
    """Return how long nobody needs to be told that work has begun: a fast promotion says so when it is through."""
    if promotion is None or promotion.status is not PromotionStatus.PENDING:
        return 0.0
    age_s = (now - promotion.made.at).total_seconds()
    return TOLD_AFTER_S - age_s if 0 <= age_s < TOLD_AFTER_S else 0.0


def _is_well(formation: FormationState) -> bool:
    """Whether what stood by is worth going back to as it is."""
    return not any(p.health in (Health.UNHEALTHY, Health.FAILED) for p in formation.processes)
