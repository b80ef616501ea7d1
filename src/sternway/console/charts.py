"""Small charts as paths of SVG, drawn here: a page needs neither a script nor a style of its own to show one.

A chart is as wide as there are steps and 100 high; the page stretches it to the room that there is.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sternway.core.traffic import Counts

HEIGHT = 100
LEAST = 4
"""How high a column of errors is at least: one error among a thousand requests has to be seen."""
BESIDE = 60.0
"""From which percentage on the name of a mark stands before it."""

_NICE = (1, 1.5, 2, 3, 4, 6, 8, 10)
_ROUNDING = 1e-9

Steps = Sequence[Counts | None]
"""Counts by step, the oldest first; None where nothing is known, or nothing has happened yet."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in a chart, in percent of its width, and what it is called."""

    at: float
    name: str = ""

    @property
    def is_late(self) -> bool:
        """Tell whether its name stands better before it."""
        return self.at > BESIDE


@dataclass(frozen=True, slots=True)
class Columns:
    """Requests as columns with the errors among them. `top` is what a full column stands for, a second."""

    width: int
    requests: str
    errors: str
    top: float
    unknown: Sequence[tuple[int, int]] = ()
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """Values over time, each line in pieces where there was nothing to measure in between."""

    width: int
    lines: Sequence[str]
    top: float


def columns(steps: Steps, step_s: float, marks: Iterable[Mark] = ()) -> Columns:
    """Draw counts; all heights are rates, so that charts of other steps compare."""
    top = nice(max([1 / step_s, *(each.requests / step_s for each in steps if each)]))
    high = [_height(each.requests / step_s / top) if each else 0 for each in steps]
    failed = [max(LEAST, _height(each.errors / step_s / top)) if each and each.errors else 0 for each in steps]
    return Columns(len(steps), _columns(high), _columns(failed), top, _gaps(steps), tuple(marks))


def lines(width: int, *values: Sequence[float | None]) -> Lines:
    """Draw values on one scale."""
    top = nice(max([1.0, *(value for line in values for value in line if value is not None)]))
    return Lines(width, [_line(line, top) for line in values], top)


def nice(value: float) -> float:
    """Return the next number above that reads well."""
    step = 10.0 ** math.floor(math.log10(value))
    return next(factor * step for factor in _NICE if value <= factor * step * (1 + _ROUNDING))


def grouped(steps: Steps, size: int) -> Steps:
    """Put so many steps together, a group being known if its last step is."""
    groups = [steps[first : first + size] for first in range(0, len(steps), size)]
    return [_together(group) if group[-1] is not None else None for group in groups]


def _together(group: Steps) -> Counts:
    known = [each for each in group if each]
    return Counts(sum(each.requests for each in known), sum(each.errors for each in known))


def _height(share: float) -> int:
    return max(1, round(share * HEIGHT)) if share > 0 else 0


def _columns(heights: Sequence[int]) -> str:
    return "".join(f"M{x} {HEIGHT}v-{height}h.8v{height}z" for x, height in enumerate(heights) if height)


def _line(values: Sequence[float | None], top: float) -> str:
    """Join the middles of the steps; a value between two gaps is a short stroke of its own."""
    drawn, before = "", None
    for x, value in enumerate(values):
        if value is not None:
            y = HEIGHT - _height(value / top)
            drawn += f"L{x + 0.5:g} {y}" if before is not None else f"M{x + 0.2:g} {y}H{x + 0.5:g}"
        before = value
    return drawn


def _gaps(steps: Steps) -> Sequence[tuple[int, int]]:
    """Return where nothing is known before something is: (first step, how many)."""
    first = next((number for number, each in enumerate(steps) if each is not None), len(steps))
    return [(0, first)] if first else []
