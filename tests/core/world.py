"""A world for the planner: applies its actions and lets time pass, one step at a time."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sternway.core.environment import Environment
from sternway.core.formation import (
    Formation,
    FormationKey,
    FormationState,
    Health,
    ProcessState,
    Route,
)
from sternway.core.plan import Action, Desired, Freeze, Observed, Retire, ServiceTarget, Start, Switch, resting
from sternway.core.standby import Manner, Standby

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
APP = "shop"


def formation(service: str, fingerprint: str) -> Formation:
    return Formation(
        key=FormationKey(APP, service, fingerprint),
        artifact="tree:1",
        command="run",
        environment=Environment(),
        labels={},
        release_id="RAAAAAAAAAA",
    )


def target(service: str, fingerprint: str, count: int = 1, **options) -> ServiceTarget:
    is_worker = options.pop("is_worker", False)
    hosts = () if is_worker else (f"{service}.{APP}.localhost",)
    if is_worker:
        options.setdefault("manner", Manner.FROZEN)
    elif not options.get("is_exclusive"):
        options.setdefault("manner", Manner.RUNNING if options.get("maximum_percent", 200) > 100 else Manner.GONE)
    return ServiceTarget(formation(service, fingerprint), count, hosts=hosts, **options)


def desired(*targets: ServiceTarget, standby: tuple[Standby, ...] = ()) -> Desired:
    return Desired(APP, targets, standby)


def standing_by(target: ServiceTarget, until: datetime | None = None) -> Standby:
    return Standby(target.formation.key, target.manner, since=EPOCH, until=until)


@dataclass
class World:
    """What is there. `broken` fingerprints never get healthy."""

    processes: dict[FormationKey, list[ProcessState]] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    broken: frozenset[str] = frozenset()
    now: datetime = EPOCH
    started: int = 0

    def observe(self) -> Observed:
        states = tuple(
            FormationState(key, "R", tuple(sorted(there, key=lambda p: p.slot)))
            for key, there in sorted(self.processes.items())
        )
        in_use = {m.endpoint for route in self.routes for m in route.members}
        quiet = {p.id for there in self.processes.values() for p in there if p.endpoint not in in_use}
        return Observed(self.now, states, self.routes, frozenset(quiet))

    def apply(self, action: Action) -> None:
        match action:
            case Start(formation, count):
                there = self.processes.setdefault(formation.key, [])
                there[:] = [_thawed(p) if p.slot < count else p for p in there]
                taken = {p.slot for p in there if p.health is not Health.STOPPING}
                there += [self._process(slot) for slot in range(count) if slot not in taken]
            case Switch(routes):
                self.routes = routes
            case Freeze(key):
                self.processes[key] = [_frozen(p) for p in self.processes[key]]
            case Retire(key, keep):
                self._retire(key, keep)

    def pass_time(self) -> None:
        """Let what starts get healthy, and what stops be gone."""
        self.now += timedelta(seconds=1)
        for key, there in list(self.processes.items()):
            stays = [p for p in there if p.health is not Health.STOPPING]
            self.processes[key] = [self._grown(key, p) for p in stays]
            if not stays:
                del self.processes[key]

    def count(self, service: str) -> int:
        return sum(len(there) for key, there in self.processes.items() if key.service == service)

    def rolled(self, wanted: Desired, service: str) -> int:
        """How many processes there are of a service, not counting what stands by."""
        aside = resting(wanted, self.observe())
        return self.count(service) - sum(len(self.processes[key]) for key in aside if key.service == service)

    def healthy_in_traffic(self, service: str) -> int:
        members = {m.endpoint for route in self.routes if route.service == service for m in route.members}
        return sum(
            p.endpoint in members and p.health is Health.HEALTHY
            for key, there in self.processes.items()
            if key.service == service
            for p in there
        )

    def working_fingerprints(self, service: str) -> set[str]:
        return {
            key.fingerprint
            for key, there in self.processes.items()
            if key.service == service and any(p.health is not Health.FROZEN for p in there)
        }

    def _process(self, slot: int) -> ProcessState:
        self.started += 1
        return ProcessState(f"p{self.started}", slot, Health.STARTING, self.now, endpoint=f"127.0.0.1:{self.started}")

    def _grown(self, key: FormationKey, process: ProcessState) -> ProcessState:
        if process.health is Health.STARTING and key.fingerprint not in self.broken:
            return replace(process, health=Health.HEALTHY)
        return process

    def _retire(self, key: FormationKey, keep: int) -> None:
        there = self.processes.pop(key, [])
        if there:
            self.processes[key] = [replace(p, health=Health.STOPPING) if p.slot >= keep else p for p in there]


def _frozen(process: ProcessState) -> ProcessState:
    if process.health is Health.HEALTHY:
        return replace(process, health=Health.FROZEN)
    return process if process.health is Health.FROZEN else replace(process, health=Health.STOPPING)


def _thawed(process: ProcessState) -> ProcessState:
    return replace(process, health=Health.HEALTHY) if process.health is Health.FROZEN else process
