"""How many requests an app was sent, how they ended and how long they took, as numbers over time. Pure."""

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BOUNDS_MS = (
    *(1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1000, 1500, 2000, 3000, 5000, 7000, 10_000, 30_000),
)
"""Where the bins of a latency end; what took longer than the last is in a bin of its own."""
BINS = len(BOUNDS_MS) + 1
_LONGEST_MS = 60_000.0
"""What the last bin is taken to end at."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How finely something is counted, and how many steps are kept."""

    step_s: int
    steps: int
    has_latency: bool = True


SECONDS = Grain(1, 300, has_latency=False)
MOMENTS = Grain(10, 30)
MINUTES = Grain(60, 60)
GRAINS = (SECONDS, MOMENTS, MINUTES)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was answered in some span: errors are among the requests; `latency` is by bin, empty if not counted."""

    requests: int = 0
    errors: int = 0
    latency: tuple[int, ...] = ()

    @property
    def error_share(self) -> float:
        """Return how many of the requests failed, from 0 to 1; 0 without any."""
        return self.errors / self.requests if self.requests else 0.0

    def quantile_ms(self, share: float) -> float | None:
        """Return what so many of the requests took at most, within the width of a bin; None without any."""
        total = sum(self.latency)
        wanted, passed = share * total, 0
        edges = zip((0.0, *BOUNDS_MS), (*BOUNDS_MS, _LONGEST_MS), self.latency, strict=False)
        for lower, upper, count in edges:
            if count and passed + count >= wanted:
                return lower + (upper - lower) * (wanted - passed) / count
            passed += count
        return None


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of the steps of a grain, the oldest first; the last one is not over yet.

    `begins` is when the first step begins, in seconds since 1970. What ended before `known_from` was not counted:
    such a step is unknown, and not zero.
    """

    grain: Grain
    begins: int
    counts: Sequence[Counts] = ()
    known_from: float = 0.0

    @property
    def ends(self) -> int:
        """Return when the last step ends."""
        return self.begins + self.grain.step_s * len(self.counts)

    def is_known(self, number: int) -> bool:
        """Tell whether a step was counted from its beginning."""
        return self.begins + number * self.grain.step_s >= self.known_from

    def between(self, begins: float, ends: float) -> "Series":
        """Return the steps that touch a span."""
        step = self.grain.step_s
        first = max(0, int((begins - self.begins) // step))
        last = min(len(self.counts), max(first, -int((self.begins - ends) // step)))
        return Series(self.grain, self.begins + first * step, self.counts[first:last], self.known_from)

    def last(self, steps: int) -> "Series":
        """Return the newest steps."""
        return self.between(self.ends - steps * self.grain.step_s, self.ends)

    def total(self) -> Counts:
        """Return all that is known of it in one."""
        return total(counts for number, counts in enumerate(self.counts) if self.is_known(number))


def total(counts: Iterable[Counts]) -> Counts:
    """Add up."""
    found = list(counts)
    columns = itertools.zip_longest(*(each.latency for each in found), fillvalue=0)
    return Counts(
        sum(each.requests for each in found),
        sum(each.errors for each in found),
        tuple(sum(column) for column in columns),
    )


def bin_of(took_s: float) -> int:
    """Return the bin of a latency."""
    return bisect.bisect_left(BOUNDS_MS, took_s * 1000)
