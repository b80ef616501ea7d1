"""Which processes no request needs any more.

A process is quiet once it has been out of the routes for a moment and answers nothing, or once its drain
time is over. This is memory only: after a restart of the rack a drain begins anew.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from sternway.core.formation import FormationKey, FormationState, Member, Route
from sternway.core.plan import Desired

DRAIN_S = 30.0
"""The drain time of a service that nothing is known of any more."""
HAND_OVER_S = 5.0
"""The longest drain of an exclusive service: its requests wait at the router until the successor is there."""
SETTLING = timedelta(seconds=0.25)
"""A request may have been handed over just before the switch and not be counted yet."""


class Drain:
    """Remembers since when each process of one app has been out of traffic."""

    def __init__(self) -> None:
        self._out_since: dict[str, datetime] = {}

    def update(
        self,
        formations: Sequence[FormationState],
        routes: Sequence[Route],
        now: datetime,
        wanted: Mapping[FormationKey, int] = MappingProxyType({}),
    ) -> None:
        """Take note of who is out of traffic now, and forget who is gone.

        Who is in a wanted slot is not on the way out, but may be on the way in: nobody waits for it to be quiet.
        """
        in_use = {member for route in routes for member in route.members}
        out = {
            process.id
            for formation in formations
            for process in formation.processes
            if process.slot >= wanted.get(formation.key, 0)
            and (process.endpoint is None or Member(formation.key, process.endpoint) not in in_use)
        }
        self._out_since = {id: min(self._out_since.get(id, now), now) for id in out}

    def quiet(
        self,
        formations: Sequence[FormationState],
        in_flight: Mapping[str, int],
        now: datetime,
        drain_s: Mapping[str, float] = MappingProxyType({}),
    ) -> frozenset[str]:
        """Return the ids of the processes that may be stopped; `drain_s` is the drain time by service."""
        return frozenset(
            process.id
            for formation in formations
            for process in formation.processes
            if (since := self._out_since.get(process.id))
            and _is_quiet(
                in_flight.get(process.endpoint or "", 0), now - since, drain_s.get(formation.key.service, DRAIN_S)
            )
        )

    def has_waiting(self, quiet: frozenset[str] = frozenset()) -> bool:
        """Tell whether somebody is out of traffic and not quiet yet."""
        return bool(self._out_since.keys() - quiet)


def drain_times(desired: Desired) -> Mapping[str, float]:
    """Return the drain time of each service."""
    return {
        target.formation.key.service: min(target.drain_s, HAND_OVER_S) if target.is_exclusive else target.drain_s
        for target in desired.services
    }


def _is_quiet(in_flight: int, out_for: timedelta, drain_s: float) -> bool:
    if out_for >= timedelta(seconds=drain_s):
        return True
    return in_flight == 0 and out_for >= SETTLING
