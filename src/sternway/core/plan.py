"""The planner: what to do next, from what is wanted and what was seen.

`plan` is pure and total. It keeps no memory: after a crash, planning again from what is there gives the
rest of the work. The order is always: start, healthy, switch, drain, stop.

- No service takes traffic at its new formation before every service of the release is ready.
- Healthy processes in traffic never fall below the minimum, processes never exceed the maximum.
- Exclusive services (singletons, agents, workers, owners of a volume) hand over last and are never there
  twice: the old one is gone, or frozen, before the new one starts.
- What was replaced stands by where it may: out of traffic, counted apart, and untouched until its time is over.
"""

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sternway.core.formation import (
    Formation,
    FormationKey,
    FormationState,
    Health,
    Member,
    ProcessState,
    Route,
    RouteOptions,
)
from sternway.core.standby import Manner, Standby

EXITS_TO_FAIL = 3
"""A process that ended by itself this often during a rollout fails it."""


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """What one service of a release is to be: a formation, how many, within which bounds, at which hosts."""

    formation: Formation
    count: int
    minimum_percent: int = 50
    maximum_percent: int = 200
    is_exclusive: bool = False
    hosts: tuple[str, ...] = ()
    drain_s: float = 30.0
    route_options: RouteOptions = field(default_factory=RouteOptions)
    manner: Manner = Manner.GONE

    @property
    def floor(self) -> int:
        """How many healthy processes stay in traffic throughout."""
        return math.ceil(self.count * self.minimum_percent / 100)

    @property
    def ceiling(self) -> int:
        """How many processes there may be at once; one more than the floor at least, or nothing could move."""
        return max(math.floor(self.count * self.maximum_percent / 100), self.floor + 1)


@dataclass(frozen=True, slots=True)
class Desired:
    """What an app is to run, and what may stand by. No services: nothing at all, as after its deletion."""

    app: str
    services: tuple[ServiceTarget, ...] = ()
    standby: tuple[Standby, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen at `now`. `quiet` are the ids of processes that no request needs any more."""

    now: datetime
    formations: tuple[FormationState, ...] = ()
    routes: tuple[Route, ...] = ()
    quiet: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Start:
    """See to it that the formation has processes in the slots below `count`."""

    formation: Formation
    count: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Make these the routes of the app, all at once."""

    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Retire:
    """Stop the processes in the slots from `keep` on; with 0 the formation is forgotten."""

    key: FormationKey
    keep: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """Keep the processes of a formation from running; the next start of it thaws them."""

    key: FormationKey


Action = Start | Switch | Freeze | Retire


class Outcome(StrEnum):
    """How a rollout stands."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a rollout stands, and if it failed, why, in words for people."""

    outcome: Outcome
    cause: str = ""


def plan(desired: Desired, observed: Observed) -> tuple[Action, ...]:
    """Return everything that can be done now, in order; nothing means wait, or done."""
    lanes = _lanes(desired, observed)
    gate = _gate(lanes)
    routes = _routes(desired, observed, lanes, gate)
    starts = [start for lane in lanes for start in lane.starts(gate.may_hand_over)]
    switch = [] if routes == observed.routes else [Switch(routes)]
    retirements = _retirements(desired, observed, lanes, routes, gate)
    return (*starts, *switch, *retirements)


def resting(desired: Desired, observed: Observed) -> frozenset[FormationKey]:
    """Return the formations that stand by now: allowed to, out of traffic, and as they should be."""
    may = _standbys(desired, observed)
    in_traffic = {member.formation for route in observed.routes for member in route.members}
    return frozenset(
        f.key for f in observed.formations if f.key in may and _rests(f, may[f.key]) and f.key not in in_traffic
    )


def _standbys(desired: Desired, observed: Observed) -> dict[FormationKey, Manner]:
    wanted = {target.formation.key for target in desired.services}
    return {s.key: s.manner for s in desired.standby if s.key not in wanted and s.lasts(observed.now)}


def _rests(formation: FormationState, manner: Manner) -> bool:
    """Whether all of it is as it should be while it stands by; what is not well is not worth keeping."""
    allowed = {Health.FROZEN} if manner is Manner.FROZEN else {Health.HEALTHY, Health.STARTING}
    return bool(formation.processes) and all(p.health in allowed for p in formation.processes)


def judge(desired: Desired, observed: Observed) -> Verdict:
    """Say whether what is desired is there and takes all traffic, is on its way, or has failed."""
    lanes = _lanes(desired, observed)
    cause = next((cause for lane in lanes if (cause := lane.failure(observed.now))), "")
    if cause:
        return Verdict(Outcome.FAILED, cause)
    is_switched = observed.routes == _routes(desired, observed, lanes, _Gate(is_open=True, may_hand_over=True))
    is_done = is_switched and all(lane.is_complete for lane in lanes)
    return Verdict(Outcome.DONE if is_done else Outcome.WAITING)


@dataclass(frozen=True, slots=True)
class _Lane:
    """One service on its way: the formation that is wanted, and those that were there before it."""

    target: ServiceTarget
    wanted: FormationState | None
    others: tuple[FormationState, ...]
    route: Route | None

    @property
    def processes(self) -> tuple[ProcessState, ...]:
        """The processes of the wanted formation, but for those that are on their way out or have yet to be thawed."""
        there = self.wanted.processes if self.wanted else ()
        return tuple(p for p in there if p.health not in (Health.STOPPING, Health.FROZEN))

    @property
    def _is_there_twice(self) -> bool:
        """Whether anything runs, if only to its end, that an exclusive service must not start beside."""
        own = self.wanted.processes if self.wanted else ()
        return any(p.health is Health.STOPPING for p in own) or any(other.processes for other in self.others)

    @property
    def healthy(self) -> tuple[ProcessState, ...]:
        count = self.target.count
        return tuple(p for p in self.processes if p.health is Health.HEALTHY and p.slot < count)

    @property
    def has_passed(self) -> bool:
        """Whether the wanted formation takes traffic already."""
        return self.route is not None and any(m.formation == self.target.formation.key for m in self.route.members)

    @property
    def is_complete(self) -> bool:
        return len(self.healthy) >= self.target.count

    @property
    def is_ready(self) -> bool:
        """Whether as many as may be started before the switch are healthy, or were when they were frozen.

        Nobody waits for frozen workers: they may not run before their successors rest, and then do so at once.
        """
        if self.is_complete or self._is_frozen:
            return True
        if self.target.is_exclusive:
            return False
        return bool(self.processes) and self._room <= 0 and len(self.healthy) == len(self.processes)

    @property
    def _is_frozen(self) -> bool:
        own = self.wanted.processes if self.wanted else ()
        return sum(p.health is Health.FROZEN and p.slot < self.target.count for p in own) >= self.target.count > 0

    @property
    def _room(self) -> int:
        own = self.wanted.processes if self.wanted else ()
        working = sum(p.health is not Health.FROZEN for p in own)
        return self.target.ceiling - working - sum(len(other.processes) for other in self.others)

    def starts(self, may_hand_over: bool) -> Iterable[Start]:
        """Yield what may be started now without exceeding the maximum; slots may have gaps."""
        taken = {p.slot for p in self.processes}
        missing = [slot for slot in range(self.target.count) if slot not in taken]
        if chosen := missing[: self._may_start(may_hand_over)]:
            yield Start(self.target.formation, chosen[-1] + 1)

    def _may_start(self, may_hand_over: bool) -> int:
        if self.target.is_exclusive:
            return self.target.count if may_hand_over and not self._is_there_twice else 0
        return max(0, self._room)

    def kept(self, is_gate_open: bool) -> dict[FormationKey, int]:
        """Return how many processes of each earlier formation stay, those in traffic first."""
        budget = self._others_kept(is_gate_open)
        in_traffic = {m.formation for m in self.route.members} if self.route else set()
        kept: dict[FormationKey, int] = {}
        for other in sorted(self.others, key=lambda o: (o.key not in in_traffic, o.key)):
            takes_requests = other.key in in_traffic
            kept[other.key] = min(budget, len(other.processes)) if takes_requests else 0
            budget -= kept[other.key]
        return kept

    def _others_kept(self, is_gate_open: bool) -> int:
        there = sum(len(other.processes) for other in self.others)
        if is_gate_open or self.has_passed:
            return 0 if self.is_complete else max(0, self.target.floor - len(self.healthy))
        if self.processes or self._room > 0:
            return there
        return max(self.target.floor, self.target.ceiling - 1)

    def members(self, gate: "_Gate") -> tuple[Member, ...]:
        """Return who takes requests: the wanted formation once it may, and what is kept of the others."""
        own: tuple[Member, ...] = ()
        if gate.is_open or self.has_passed:
            own = _members(self.target.formation.key, self.healthy) or self._last_resort()
        kept = self.kept(gate.is_open)
        earlier = [m for other in self.others for m in self._earlier(other, kept[other.key], gate)]
        return tuple(sorted({*own, *earlier}))

    def _earlier(self, other: FormationState, keep: int, gate: "_Gate") -> tuple[Member, ...]:
        """Return who of an earlier formation takes requests; of an exclusive one nobody once it hands over.

        The router holds requests from then on: those that are being answered end first, and nothing is cut.
        """
        was_routed = {m for m in self.route.members if m.formation == other.key} if self.route else set()
        stays = [p for p in other.processes if p.slot < keep and p.health not in (Health.FAILED, Health.FROZEN)]
        if self.target.is_exclusive and gate.may_hand_over:
            return ()
        if self.target.is_exclusive and not self.healthy:
            return tuple(was_routed)
        return tuple(m for m in _members(other.key, stays) if m in was_routed)

    def _last_resort(self) -> tuple[Member, ...]:
        """Keep sending requests to what was up: the router holds them until it is back."""
        if self.others:
            return ()
        return _members(self.target.formation.key, [p for p in self.processes if p.slot < self.target.count])

    def failure(self, now: datetime) -> str:
        """Say why this service will not get healthy, or nothing."""
        health = self.target.formation.health
        for process in self.processes:
            name = f"{self.target.formation.key.service}/{process.id}"
            if process.health is Health.HEALTHY:
                continue
            if process.exits >= EXITS_TO_FAIL:
                return f"{name} keeps exiting: {process.detail}"
            if now - process.started_at > timedelta(seconds=health.failing_after_s):
                return f"{name} is not healthy after {health.failing_after_s:g} s: {process.detail}"
        return ""


@dataclass(frozen=True, slots=True)
class _Gate:
    """Whether services may switch, all together, and whether exclusive ones may give way to their successors."""

    is_open: bool
    may_hand_over: bool


def _gate(lanes: tuple[_Lane, ...]) -> _Gate:
    waiting = [lane for lane in lanes if not (lane.is_ready or lane.has_passed)]
    return _Gate(is_open=not waiting, may_hand_over=all(lane.target.is_exclusive for lane in waiting))


def _lanes(desired: Desired, observed: Observed) -> tuple[_Lane, ...]:
    at_rest = resting(desired, observed)
    return tuple(_lane(target, observed, at_rest) for target in desired.services)


def _lane(target: ServiceTarget, observed: Observed, at_rest: Set[FormationKey]) -> _Lane:
    key = target.formation.key
    of_service = [f for f in observed.formations if f.key.service == key.service and f.key not in at_rest]
    wanted = next((f for f in of_service if f.key == key), None)
    others = tuple(f for f in of_service if f.key != key)
    route = next((r for r in observed.routes if r.service == key.service), None)
    return _Lane(target, wanted, others, route)


def _members(key: FormationKey, processes: Iterable[ProcessState]) -> tuple[Member, ...]:
    return tuple(Member(key, p.endpoint) for p in processes if p.endpoint is not None)


def _routes(desired: Desired, observed: Observed, lanes: tuple[_Lane, ...], gate: _Gate) -> tuple[Route, ...]:
    routes = [route for lane in lanes if (route := _route(lane, gate))]
    if not gate.is_open:
        wanted = {target.formation.key.service for target in desired.services}
        routes += [route for route in observed.routes if route.service not in wanted]
    return tuple(sorted(routes, key=lambda route: route.service))


def _route(lane: _Lane, gate: _Gate) -> Route | None:
    if gate.is_open or lane.has_passed:
        if not lane.target.hosts:
            return None
        members = lane.members(gate)
        return Route(lane.target.formation.key.service, lane.target.hosts, members, lane.target.route_options)
    if lane.route is None:
        return None
    return replace(lane.route, members=lane.members(gate))


def _retirements(
    desired: Desired,
    observed: Observed,
    lanes: tuple[_Lane, ...],
    routes: tuple[Route, ...],
    gate: _Gate,
) -> list[Freeze | Retire]:
    """Retire what takes no requests any more, once it is quiet; exclusive services when they hand over.

    What may stand by is left running or frozen instead.
    """
    keep = _kept(observed, lanes, gate)
    standbys = _standbys(desired, observed)
    staying = _staying(standbys, observed, lanes, gate)
    leaving = [f for f in observed.formations if f.key in keep and not (keep[f.key] == 0 and f.key in staying)]
    return [
        _farewell(f, keep[f.key], standbys.get(f.key)) for f in leaving if _can_retire(f, keep[f.key], routes, observed)
    ]


def _staying(
    standbys: Mapping[FormationKey, Manner], observed: Observed, lanes: tuple[_Lane, ...], gate: _Gate
) -> frozenset[FormationKey]:
    """Return what has given way, or is about to, and is left as it is; not where it has to make room first."""
    making_room = {lane.target.formation.key.service for lane in lanes if not (gate.is_open or lane.has_passed)}
    going_on = {
        f.key
        for f in observed.formations
        if standbys.get(f.key) is Manner.RUNNING and _rests(f, Manner.RUNNING) and f.key.service not in making_room
    }
    return frozenset(going_on | {f.key for f in observed.formations if _is_freezing(f, standbys.get(f.key))})


def _is_freezing(formation: FormationState, manner: Manner | None) -> bool:
    """Whether it is frozen but for processes that could not be, which are on their way out."""
    done = (Health.FROZEN, Health.STOPPING)
    return manner is Manner.FROZEN and bool(formation.processes) and all(p.health in done for p in formation.processes)


def _kept(observed: Observed, lanes: tuple[_Lane, ...], gate: _Gate) -> dict[FormationKey, int]:
    """Return how many processes of each formation stay that has to give way."""
    keep: dict[FormationKey, int] = {}
    if gate.is_open:
        wanted = {lane.target.formation.key.service for lane in lanes}
        keep |= {f.key: 0 for f in observed.formations if f.key.service not in wanted}
    for lane in lanes:
        keep |= {lane.target.formation.key: lane.target.count} if lane.wanted else {}
        if lane.target.is_exclusive:
            keep |= {other.key: 0 for other in lane.others} if gate.may_hand_over else {}
        else:
            keep |= lane.kept(gate.is_open)
    return keep


def _farewell(formation: FormationState, keep: int, manner: Manner | None) -> Freeze | Retire:
    """Return what becomes of processes that give way: those that work without being asked to are frozen."""
    is_to_freeze = keep == 0 and manner is Manner.FROZEN
    return Freeze(formation.key) if is_to_freeze and formation.processes else Retire(formation.key, keep)


def _can_retire(formation: FormationState, keep: int, routes: tuple[Route, ...], observed: Observed) -> bool:
    if keep == 0 and not formation.processes:
        return True
    known = (*observed.routes, *routes)
    leaving = [p for p in formation.processes if p.slot >= keep and p.health is not Health.STOPPING]
    return bool(leaving) and all(_is_free(p, formation.key, known, observed.quiet) for p in leaving)


def _is_free(process: ProcessState, key: FormationKey, routes: tuple[Route, ...], quiet: Set[str]) -> bool:
    """Whether no request needs the process: no route leads to it, and it answers none any more."""
    if process.endpoint is None or not routes:
        return True
    is_in_use = any(Member(key, process.endpoint) in route.members for route in routes)
    return not is_in_use and process.id in quiet
