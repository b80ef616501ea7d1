"""Standby: what was replaced is kept for a while, so that going back is a switch and not a start.

What is kept was active once. Nothing is ever started to stand by, so that forgetting about it is always safe.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sternway.core.errors import InvalidInput
from sternway.core.formation import FormationKey

PARAMETER = "Standby"
"""The parameter of an app that says how long: a duration, a count of releases, or `off`."""

DEFAULT = "10m"
MOST_RELEASES = 20

BUDGET = "standby_memory"
"""The parameter of the rack that bounds what all that stands by may use: MiB, or a share of the machine's memory."""

DEFAULT_BUDGET = "25%"

WHOLE = 100
_BUDGET = re.compile(r"([0-9]{1,9})(%)?")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Manner(StrEnum):
    """How the processes of a service stand by.

    Those with a port go on running. Workers are frozen, or jobs would be worked on twice. Singletons and
    owners of a volume do not stand by at all.
    """

    RUNNING = "running"
    FROZEN = "frozen"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Standby:
    """A formation that may be kept out of traffic.

    `since` is when it was replaced, None while it is about to be; `until` is the end of its time, if it has one.
    """

    key: FormationKey
    manner: Manner
    since: datetime | None = None
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Tell whether it may still be kept."""
        return self.manner is not Manner.GONE and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Policy:
    """How long what was replaced is kept: for a time, or so many releases of different content."""

    time: timedelta | None = None
    releases: int = 0


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a release ran, by formation, and when another took its place; None: it still is the active one."""

    formations: tuple[tuple[FormationKey, Manner], ...]
    at: datetime | None


def read(text: str) -> Policy:
    """Read the value of the parameter; raises InvalidInput."""
    if text in ("off", "0"):
        return Policy()
    if text.isascii() and text.isdigit() and int(text) <= MOST_RELEASES:
        return Policy(releases=int(text))
    if found := _DURATION.fullmatch(text):
        return Policy(time=timedelta(seconds=int(found[1]) * _UNITS[found[2]]))
    raise InvalidInput(
        f"parameters: {PARAMETER}: {text[:40]!r} is not a duration, a count of up to {MOST_RELEASES}, or off",
        hint=f"for example {PARAMETER}=10m, {PARAMETER}=2 or {PARAMETER}=off",
    )


def read_budget(text: str) -> str:
    """Return the value of the rack's parameter as it is kept; raises InvalidInput."""
    budget_mib(text, 0)
    return text.strip()


def budget_mib(text: str, machine_mib: int) -> float:
    """Return how many MiB a value allows on a machine that has so many; raises InvalidInput."""
    found = _BUDGET.fullmatch(text.strip() or DEFAULT_BUDGET)
    if found is None or (found[2] and int(found[1]) > WHOLE):
        raise InvalidInput(
            f"{BUDGET}: {text[:40]!r} is neither MiB nor a percentage", hint=f"for example {BUDGET}=2048, {BUDGET}=10%"
        )
    return machine_mib * int(found[1]) / WHOLE if found[2] else float(found[1])


def choose(policy: Policy, history: Sequence[Replaced], wanted: Iterable[FormationKey]) -> tuple[Standby, ...]:
    """Return what may be kept of an app's history, the newest first, while `wanted` is what is to run.

    A formation that several releases ran is kept for the latest of them.
    """
    seen, chosen = set(wanted), list[Standby]()
    left = policy.releases
    for replaced in history:
        new = [(key, manner) for key, manner in replaced.formations if key not in seen]
        if policy.time is None:
            if not new or left == 0:
                continue
            left -= 1
        until = replaced.at + policy.time if replaced.at and policy.time is not None else None
        chosen += [Standby(key, manner, replaced.at, until) for key, manner in new]
        seen |= {key for key, _ in new}
    return tuple(chosen)
