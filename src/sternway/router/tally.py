"""What a router counted of each app: rings of bounded length, at every grain.

An app takes 16 kB, from its first request until an hour after its last one. What is too old for a ring is left out.
"""

from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sternway.core import traffic
from sternway.core.traffic import BINS, GRAINS, Counts, Grain, Series

SWITCHING_PROTOCOLS = 101
"""A WebSocket's answer: how long it stayed open says nothing of how fast the app is."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that ended: of which app, when (seconds since 1970), with what status, after how long."""

    app: str
    at: float
    status: int
    took_s: float

    @property
    def is_error(self) -> bool:
        """Tell whether app or router failed."""
        return self.status >= 500


class Ring:
    """The newest steps of one app at one grain."""

    def __init__(self, grain: Grain) -> None:
        self._grain = grain
        self._numbers = array("q", [-1]) * grain.steps
        self._requests = array("I", [0]) * grain.steps
        self._errors = array("I", [0]) * grain.steps
        self._latency = array("I", [0]) * (grain.steps * BINS if grain.has_latency else 0)

    def add(self, request: Answered, now: float) -> None:
        """Count a request."""
        number = int(request.at) // self._grain.step_s
        place = number % self._grain.steps
        if self._numbers[place] != number and not self._begin(place, number, now):
            return
        self._requests[place] += 1
        self._errors[place] += request.is_error
        if self._latency and request.status != SWITCHING_PROTOCOLS:
            self._latency[place * BINS + traffic.bin_of(request.took_s)] += 1

    def counts(self, first: int) -> tuple[Counts, ...]:
        """Return as many steps as are kept, from this one on."""
        return tuple(self._of(number) for number in range(first, first + self._grain.steps))

    def is_in_use(self, now: float) -> bool:
        """Tell whether any of the newest steps had a request."""
        return max(self._numbers) > int(now) // self._grain.step_s - self._grain.steps

    def _begin(self, place: int, number: int, now: float) -> bool:
        """Make the place that of another step; False if it has a newer one, unless the clock was set back since."""
        newest = int(now) // self._grain.step_s + 1
        if number > newest or number < self._numbers[place] <= newest:
            return False
        self._numbers[place] = number
        self._requests[place] = self._errors[place] = 0
        if self._latency:
            self._latency[place * BINS : (place + 1) * BINS] = array("I", [0]) * BINS
        return True

    def _of(self, number: int) -> Counts:
        place = number % self._grain.steps
        if self._numbers[place] != number:
            return Counts()
        latency = tuple(self._latency[place * BINS : (place + 1) * BINS])
        return Counts(self._requests[place], self._errors[place], latency)


class Tally:
    """The rings of every app; `known_from` is since when nothing was missed."""

    def __init__(self) -> None:
        self.known_from = 0.0
        self._apps: dict[str, tuple[Ring, ...]] = {}

    def add(self, request: Answered, now: float) -> None:
        """Count a request."""
        for ring in self._apps.get(request.app) or self._begin(request.app, now):
            ring.add(request, now)

    def series(self, apps: Collection[str], grain: Grain, now: float) -> Mapping[str, Series]:
        """Return the newest steps of each of these apps, up to the one that it is now."""
        which = GRAINS.index(grain)
        first = int(now) // grain.step_s - grain.steps + 1
        nothing = (Counts(),) * grain.steps
        return {
            app: Series(
                grain,
                first * grain.step_s,
                self._apps[app][which].counts(first) if app in self._apps else nothing,
                self.known_from,
            )
            for app in apps
        }

    def _begin(self, app: str, now: float) -> tuple[Ring, ...]:
        """Make the rings of an app, and forget those of apps that have not been asked for as long as rings last."""
        self._apps = {name: rings for name, rings in self._apps.items() if any(ring.is_in_use(now) for ring in rings)}
        rings = self._apps[app] = tuple(Ring(grain) for grain in GRAINS)
        return rings
