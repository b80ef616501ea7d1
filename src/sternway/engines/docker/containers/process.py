"""One process as the engine sees it: what was decided, how its container is, what the probes say."""

import asyncio
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from sternway.core.formation import Health, ProcessState
from sternway.engines.docker.containers.creation import Berth
from sternway.engines.docker.containers.observed import Container
from sternway.engines.docker.containers.record import Memory

SHORT_ID = 12


class Asked(StrEnum):
    """What a process was asked for and has not done yet."""

    NOTHING = ""
    STOP = "stop"
    RESTART = "restart"
    FREEZE = "freeze"
    THAW = "thaw"


class Process:
    """What is known of one process. It decides nothing; the attendance changes it and asks for its state.

    Until its container is there it has an id of its own.
    """

    def __init__(self, own_id: str, berth: Berth, created_at: datetime) -> None:
        self.berth = berth
        self.container_id = ""
        self.container: Container | None = None
        self.memory = Memory()
        self.asked = Asked.NOTHING
        self.asked_at = 0.0
        self.start_not_before = 0.0
        self.failures = 0
        self.is_launched: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stirred = asyncio.Event()
        self.attending: asyncio.Task[None] | None = None
        self.watching: asyncio.Task[None] | None = None
        self.is_thawed = False
        self._freezing: asyncio.Future[None] | None = None
        self._own_id = own_id
        self._created_at = created_at
        self._has_ended = False
        self._is_followed = False
        self._is_out_of_memory = False
        self._problem = ""
        self._ending = ""
        self._health = Health.STARTING
        self._detail = ""

    @property
    def id(self) -> str:
        """Return the id by which people know it."""
        return self.container_id[:SHORT_ID] or self._own_id

    @property
    def run(self) -> str:
        """Name the run of it that is going on; empty while there is none."""
        return self.container.started_at if self.is_up and self.container else ""

    @property
    def is_up(self) -> bool:
        """Tell whether it runs and is meant to."""
        return self._is_there and not self.is_frozen

    @property
    def is_frozen(self) -> bool:
        """Tell whether it is kept from running, and not on its way out."""
        return bool(self.container and self.container.is_paused) and self._is_there

    @property
    def _is_there(self) -> bool:
        return bool(self.container and self.container.is_up) and not self._has_ended and not self.is_leaving

    @property
    def is_leaving(self) -> bool:
        """Tell whether it was asked to end, if only to be started again."""
        return self.asked in (Asked.STOP, Asked.RESTART)

    @property
    def is_stopping(self) -> bool:
        """Tell whether it is going to be gone."""
        return self.asked is Asked.STOP

    @property
    def is_to_be_started(self) -> bool:
        """Tell whether it is up to us to start it."""
        return self.container is None or self.container.is_fresh or self.container.is_down

    @property
    def exits(self) -> int:
        """Return how often it ended by itself: what the engine counted, and what it left at that."""
        last = bool(self.container and self.container.is_down)
        return self.memory.exits + self.memory.restarts + last

    def stir(self) -> None:
        """Have it looked at."""
        self.stirred.set()

    def ask(self, asked: Asked, now: float) -> None:
        """Ask it for something; stopping is the last that it can be asked for."""
        if not self.is_stopping and self.asked is not asked:
            self.answer()
            self.asked, self.asked_at = asked, now
            self.stir()

    def freeze(self, now: float) -> asyncio.Future[None]:
        """Ask it to be frozen, and return what is done once it is, or will not be."""
        if self._freezing is None:
            freezing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self.is_frozen and not self.asked:
                freezing.set_result(None)
                return freezing
            self.ask(Asked.FREEZE, now)
            self._freezing = freezing
        return self._freezing

    def answer(self) -> None:
        """Let who waits for it to be frozen go on."""
        if self._freezing and not self._freezing.done():
            self._freezing.set_result(None)
        self._freezing = None

    def settle(self, container_id: str) -> None:
        """Take note of its container."""
        self.container_id, self._problem = container_id, ""

    def refuse(self, problem: str) -> None:
        """Take note that it cannot be started, and why; that counts as an exit."""
        self._problem = problem
        self.memory = replace(self.memory, exits=self.memory.exits + 1)

    def have_done(self, asked: Asked) -> None:
        """Take note that it did this, unless it was asked for something else meanwhile."""
        if self.asked is asked:
            self.asked = Asked.NOTHING
            self.answer()

    def end(self, exit_code: str) -> None:
        """Take note that its run is over, before more is known."""
        self._has_ended = True
        words = f"exited with code {exit_code}"
        if not (self.is_leaving or self._ending.startswith(f"{words}: ")):  # it may have said before why it ends so
            self._ending = words
        self.stir()

    def run_out_of_memory(self) -> None:
        """Take note of what the end of its run will be due to."""
        self._is_out_of_memory = True

    def was_started(self) -> None:
        """Take note that the end that shows now is followed by another run, whatever comes of that."""
        self._is_followed = self.container is not None and self.container.is_down

    def take(self, container: Container, last_line: str = "") -> bool:
        """Take over what the engine says, and tell whether another run has begun."""
        if self._is_followed:
            self.memory, self._is_followed = replace(self.memory, exits=self.memory.exits + 1), False
        if container.restarts < self.memory.restarts:  # it was started anew, and counts from 0 again
            self.memory = replace(self.memory, exits=self.memory.exits + self.memory.restarts)
        self.memory = replace(self.memory, restarts=container.restarts)
        is_new = container.is_up and (self.container is None or self.container.started_at != container.started_at)
        is_back = container.is_up and (is_new or not self._has_ended)
        self.is_thawed = self.is_frozen and is_back and not is_new and not container.is_paused
        if not container.is_up and not container.is_fresh and not self.is_leaving:
            seen = replace(container, is_out_of_memory=container.is_out_of_memory or self._is_out_of_memory)
            words = seen.exit_words(last_line)
            # The engine may not have its last line yet: what a run before it said at the same end still tells.
            self._ending = self._ending if self._ending.startswith(f"{words}: ") else words
        if is_new:
            self._health, self._detail, self._is_out_of_memory, self._problem = Health.STARTING, "", False, ""
        self._has_ended = not is_back
        self.container = container
        self._take_frost()
        return is_new

    def _take_frost(self) -> None:
        """Take over whether it is frozen. One that is thawed shows as frozen until it has said how it is."""
        if self.is_frozen:
            self._health, self._detail = Health.FROZEN, ""
            self.memory = replace(self.memory, healthy_run="")
        elif self.is_thawed:
            self._detail = "runs again, and has not answered yet"

    def tell(self, health: Health, detail: str) -> None:
        """Take over what a probe said of the run that is going on."""
        self._health, self._detail = health, detail
        if health is Health.HEALTHY:
            self.memory = replace(self.memory, healthy_run=self.run)

    def state(self) -> ProcessState:
        """Return how it is now."""
        health = self._seen_health()
        return ProcessState(
            id=self.id,
            slot=self.berth.slot,
            health=health,
            started_at=self.container.run_at if self.container else self._created_at,
            endpoint=self.container.endpoint if self.container else None,
            exits=self.exits,
            detail="" if health is Health.HEALTHY else self._words(health),
            command=self.berth.command,
        )

    def _seen_health(self) -> Health:
        if self.is_leaving:
            return Health.STOPPING
        if self._problem:
            return Health.FAILED
        if self.container is None or self.container.is_fresh:
            return Health.STARTING
        return self._health if self._is_there else Health.FAILED

    def _words(self, health: Health) -> str:
        """Say why it is not healthy: that it keeps exiting says more than that it does not answer yet."""
        tells = health in (Health.UNHEALTHY, Health.FROZEN)
        return self._detail if tells else self._problem or self._ending or self._detail
