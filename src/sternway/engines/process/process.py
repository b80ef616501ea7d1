"""One process as the engine sees it: what was decided, what its supervisor reports, what the probes say."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from sternway.core.formation import Health, ProcessState
from sternway.engines.process.link import Link
from sternway.engines.process.report import Report
from sternway.engines.process.slots import Slot
from sternway.supervisor.program import Phase

STOP = "stop"
RESTART = "restart"
FREEZE = "freeze"
THAW = "thaw"

_HEALTH: Mapping[str, Health] = {
    Phase.PAUSING: Health.FAILED,
    Phase.STOPPING: Health.STOPPING,
    Phase.RESTARTING: Health.STOPPING,
    Phase.ENDED: Health.STOPPING,
    Phase.FROZEN: Health.FROZEN,
}
_ANSWERS = frozenset({(Phase.FROZEN, FREEZE), (Phase.RUNNING, THAW)})
"""What a supervisor says once it has done what it was asked for."""
FREEZES_SINCE = 3
"""The protocol of the first supervisors that can freeze."""


class Process:
    """What is known of one process. It decides nothing; the engine changes it and asks for its state."""

    def __init__(self, slot: Slot, report: Report | None = None) -> None:
        self.slot = slot
        self.is_launched: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watching: asyncio.Task[None] | None = None
        self.guard: asyncio.Task[None] | None = None
        self.is_heard = False
        self.is_thawed = False
        self._report = report
        self._link: Link | None = None
        self._asked = ""
        self._freezing: asyncio.Future[None] | None = None
        self._left_run = ""
        self._health = Health.STARTING
        self._detail = ""

    @property
    def report(self) -> Report | None:
        """Return what its supervisor last said, if it ever did."""
        return self._report

    @property
    def run(self) -> str:
        """Name the run of it that is going on; empty while there is none."""
        return self._report.run if self._report else ""

    @property
    def is_running(self) -> bool:
        """Tell whether it is up and meant to be."""
        return self._report is not None and self._report.phase == Phase.RUNNING

    @property
    def is_frozen(self) -> bool:
        """Tell whether it is kept from running."""
        return self._report is not None and self._report.phase == Phase.FROZEN

    @property
    def is_up(self) -> bool:
        """Tell whether there is something of it that takes up room, frozen or not."""
        return self.is_running or self.is_frozen

    @property
    def is_stopping(self) -> bool:
        """Tell whether it is going to be gone."""
        return self._asked == STOP or (self._report is not None and self._report.phase == Phase.STOPPING)

    @property
    def is_known(self) -> bool:
        """Tell whether its supervisor has ever said something, now or to an earlier rack."""
        return self._report is not None

    @property
    def is_asked(self) -> bool:
        """Tell whether it was asked to end, if only to be started again, and has not done so yet."""
        return self._asked in (STOP, RESTART)

    def attach(self, link: Link) -> None:
        """Use this connection from now on, also for what was asked while there was none."""
        self._link = link
        if self._asked:
            link.send(self._asked)

    def hang_up(self) -> None:
        """Talk to its supervisor no more: its reports end here."""
        if self._link:
            self._link.drop()

    def stop(self) -> None:
        """Have it stopped; called twice it does nothing more."""
        if not self.is_stopping:
            self._ask(STOP)

    def restart(self) -> None:
        """Have it stopped and started again; nothing for one that is being stopped."""
        if not self.is_stopping and self._asked != RESTART:
            self._left_run = self.run
            self._ask(RESTART)

    def freeze(self) -> asyncio.Future[None] | None:
        """Have it frozen, and return what is done once it is, or will not be; None if that is not to be had."""
        if self.state().health not in (Health.HEALTHY, Health.UNHEALTHY, Health.FROZEN):
            return None
        if self._report is None or self._report.protocol < FREEZES_SINCE:
            return None
        if self._asked != FREEZE and (not self.is_frozen or self._asked):
            self._ask(FREEZE)
            self._freezing = asyncio.get_running_loop().create_future()
        return self._freezing or _done()

    def leave(self) -> None:
        """Take note that nothing more is heard of it."""
        self._answer()

    def thaw(self) -> None:
        """Have one run again that is frozen, or about to be; nothing for any other."""
        if self._asked == FREEZE or (self.is_frozen and not self._asked):
            self._ask(THAW)

    def _ask(self, command: str) -> None:
        self._answer()
        self._asked = command
        if self._link:
            self._link.send(command)

    def _answer(self) -> None:
        """Let who waits for it to be frozen go on."""
        if self._freezing and not self._freezing.done():
            self._freezing.set_result(None)
        self._freezing = None

    def take(self, report: Report) -> bool:
        """Take over what the supervisor says, and tell whether another run has begun."""
        is_new = report.phase == Phase.RUNNING and report.run != self.run
        self.is_thawed = report.phase == Phase.RUNNING and not is_new and self.is_frozen
        self._report = report
        self.is_heard = True
        self._take_frost(report.phase)
        if is_new:
            self._health, self._detail = Health.STARTING, ""
            if self._asked == RESTART and report.run != self._left_run:
                self._asked = ""
        return is_new

    def _take_frost(self, phase: str) -> None:
        """Take over whether it is frozen. One that is thawed shows as frozen until it has said how it is."""
        if (phase, self._asked) in _ANSWERS:
            self._asked = ""
        if phase != Phase.RUNNING:
            self._answer()
        if self.is_frozen:
            self._health, self._detail = Health.FROZEN, ""
        if self.is_thawed:
            self._detail = "runs again, and has not answered yet"

    def tell(self, health: Health, detail: str) -> None:
        """Take over what a probe said of the run that is going on."""
        self._health, self._detail = health, detail

    def state(self) -> ProcessState:
        """Return how it is now."""
        health = self._seen_health()
        return ProcessState(
            id=self.slot.id,
            slot=self.slot.number,
            health=health,
            started_at=self._started_at(),
            endpoint=self.slot.endpoint,
            exits=self._report.exits if self._report else 0,
            detail="" if health is Health.HEALTHY else self._words(health),
            command=self.slot.command,
        )

    def _seen_health(self) -> Health:
        if self.is_asked:
            return Health.STOPPING
        if self._report is None or self._is_before_first_start(self._report):
            return Health.STARTING
        return _HEALTH.get(self._report.phase, self._health)

    @staticmethod
    def _is_before_first_start(report: Report) -> bool:
        return report.phase == Phase.PAUSING and report.exits == 0

    def _started_at(self) -> datetime:
        if self._report is None or not self._report.started_at:
            return self.slot.created_at
        return datetime.fromtimestamp(self._report.started_at, UTC)

    def _words(self, health: Health) -> str:
        """Say why it is not healthy: that it keeps exiting says more than that it does not answer yet."""
        exit_words = self._report.exit_words() if self._report else ""
        return self._detail if health in (Health.UNHEALTHY, Health.FROZEN) else exit_words or self._detail


def _done() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done
