"""What a rack uses that has nothing to do: memory after 5 s, and the processor over 10 s."""

import time
from pathlib import Path

from bench import processes, rollback
from bench.figures import Figures, Goal, Kind, Row
from bench.place import Place

REST_S = 5.0
GOAL = Goal(Kind.MEDIAN, 100)


def measure(here: Place) -> list[Row]:
    """Look at a rack without apps, and at the same one with an app of two processes."""
    counted_s = here.rounds(10, 2)
    with here.rack() as rack:
        data = rack.process.data
        time.sleep(REST_S)
        rows = _rack(data, "no app") + _used(data, "no app", counted_s)
        rack.deploy(rollback.APP, rollback.HELLO)
        rack.wait_until_at_rest(rollback.APP, rollback.PROCESSES)
        time.sleep(REST_S)
        rows += _rack(data, "one app") + _router(data) + _supervisors(data) + _used(data, "one app", counted_s)
    return rows


def _rack(data: Path, how: str) -> list[Row]:
    resident, shared = processes.memory_mib(processes.of_rack(data))
    return [
        Row("idle", f"sternwayd, {how}: resident", "MiB", Figures.once(resident), goal=GOAL),
        Row("idle", f"sternwayd, {how}: proportional", "MiB", Figures.once(shared)),
    ]


def _router(data: Path) -> list[Row]:
    return [
        Row("idle", f"caddy, {name}: proportional", "MiB", Figures.once(processes.memory_mib(pid)[1]))
        for name, pid in sorted(processes.of_router(data).items())
    ]


def _supervisors(data: Path) -> list[Row]:
    pids = processes.of_supervisors(data, rollback.APP)
    resident, shared = zip(*(processes.memory_mib(pid) for pid in pids), strict=True)
    waiting = processes.memory_mib(processes.waiting_supervisor(processes.of_rack(data)))[1]
    return [
        Row("idle", "a supervisor: resident", "MiB", Figures.of(resident)),
        Row("idle", "a supervisor: proportional", "MiB", Figures.of(shared)),
        Row("idle", "the waiting supervisor: proportional", "MiB", Figures.once(waiting)),
    ]


def _used(data: Path, how: str, seconds: float) -> list[Row]:
    watched = {"sternwayd": [processes.of_rack(data)], "all of caddy": list(processes.of_router(data).values())}
    before = {name: sum(map(processes.cpu_s, pids)) for name, pids in watched.items()}
    time.sleep(seconds)
    return [
        Row("idle", f"{name}, {how}: of one core", "%", Figures.once(100 * (_total(pids) - before[name]) / seconds))
        for name, pids in watched.items()
    ]


def _total(pids: list[int]) -> float:
    return sum(map(processes.cpu_s, pids))
