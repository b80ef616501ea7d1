"""What a series of measured values comes to, and how it stands beside its reference and its goal."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Figures:
    """A series in a few numbers. Quantiles are values that were measured: with few values nothing is made up."""

    count: int
    median: float
    p95: float
    p99: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figures":
        """Sum up a series; raises ValueError for an empty one."""
        if not values:
            raise ValueError("nothing was measured")
        ordered = sorted(values)
        median, p95, p99 = (quantile(ordered, share) for share in (0.5, 0.95, 0.99))
        return cls(len(ordered), median, p95, p99, ordered[0], ordered[-1])

    @classmethod
    def once(cls, value: float) -> "Figures":
        """Return what one value comes to."""
        return cls.of([value])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all does not exceed (nearest rank)."""
    rank = math.ceil(round(share * len(ordered), 9))
    return ordered[max(rank, 1) - 1]


class Kind(StrEnum):
    """What a goal bounds: the median over that of the reference, the median less it, or the median alone."""

    RATIO = "ratio"
    EXCESS = "excess"
    MEDIAN = "median"


@dataclass(frozen=True, slots=True)
class Goal:
    """An upper bound."""

    kind: Kind
    most: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: what was measured, and beside what."""

    measurement: str
    what: str
    unit: str
    figures: Figures
    beside: str = ""
    reference: Figures | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """Return the median over that of the reference; None without one, or if that is 0."""
        if self.reference is None or self.reference.median == 0:
            return None
        return self.figures.median / self.reference.median

    @property
    def excess(self) -> float | None:
        """Return the median less that of the reference."""
        return None if self.reference is None else self.figures.median - self.reference.median

    @property
    def is_met(self) -> bool | None:
        """Tell whether the goal is met; None without a goal, or without what it speaks of."""
        if self.goal is None:
            return None
        of_kind = {Kind.RATIO: self.ratio, Kind.EXCESS: self.excess, Kind.MEDIAN: self.figures.median}
        value = of_kind[self.goal.kind]
        return None if value is None else value <= self.goal.most


def interleaved(
    rounds: int,
    measured: dict[str, Callable[[], float]],
    *,
    warm_up: int = 1,
    rest: Callable[[], object] = lambda: None,
) -> dict[str, Figures]:
    """Measure several things in turn, so that what else happens on the machine strikes all of them alike.

    Every second round goes backwards: whoever comes after something else is not always the same. The first
    `warm_up` rounds do not count. Each is preceded by a `rest`, so that none pays for what another left to do.
    """
    values: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(warm_up + rounds):
        names = list(measured) if number % 2 == 0 else list(reversed(measured))
        for name in names:
            rest()
            value = measured[name]()
            if number >= warm_up:
                values[name].append(value)
    return {name: Figures.of(series) for name, series in values.items()}
