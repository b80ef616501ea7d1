"""A cold rollback on Docker beside `docker run` of the same image, and beside Docker Swarm; all three under load."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench import load, place, rollback, swarm
from bench.figures import Figures, Goal, Kind, Row, interleaved
from bench.place import Place, RackInUse
from bench.swarm import Swarm
from bench.watch import Watch
from sternway.engines.docker import presence
from sternway.wire import routes, types

APP, HOST, PROCESSES, PORT = rollback.APP, rollback.HOST, rollback.PROCESSES, swarm.PORT
LOAD = {"rate": 300, "connections": 50}
UNDER = f"{LOAD['rate']} requests/s, {LOAD['connections']} connections"
FIRST_AFTER_S = 2.0
EVERY_S = 8.0
NETWORK = "sternway-bench-floor"
SUBNETS = tuple(f"10.202.{number}" for number in range(0, 200, 10))
FLOOR_GOAL = Goal(Kind.RATIO, 1.3)
FASTER = Goal(Kind.RATIO, 1.0)
NONE_FAILED = Goal(Kind.MEDIAN, 0)
COMMAND_S = 60.0


@dataclass(slots=True)
class Failures:
    """Failed requests of one crowd while something was rolled back so often."""

    rollbacks: int
    sent: int
    failed: int
    latencies_ms: list[float] = field(default_factory=list)


def measure(here: Place) -> list[Row]:
    """Measure the floor, rollbacks and a promotion, and Swarm, in turn; then rack and swarm under the same load."""
    engine = presence.address()
    if not presence.answers(engine):
        print(f"left out: no Docker engine answers at {engine}; scripts/with_docker.sh starts one", flush=True)
        return []
    os.environ["DOCKER_HOST"] = engine
    subprocess.run([place.ROOT / "scripts" / "images.sh"], check=True)
    with here.rack(engine="docker") as rack:
        releases = rollback.prepare(rack, rollback.HELLO)
        image = image_of(rack, APP)
        obstacle = swarm.obstacle()
        if obstacle:
            print(f"Swarm is left out: {obstacle}", flush=True)
            return _measured(here, rack, releases, image, None)
        with Swarm(here.directory / "swarm", image, PROCESSES) as other:
            return _measured(here, rack, releases, image, other)


def image_of(rack: RackInUse, app: str) -> str:
    """Return the name of the image that the app runs."""
    active = rack.api.fetch(types.App, routes.app(app)).release
    build = rack.api.fetch(types.Release, routes.release(app, active)).build
    found = _docker("images", "--filter", f"reference=*/{app}:{build}-web", "--format", "{{.Repository}}:{{.Tag}}")
    return found.split()[0]


def _measured(here: Place, rack: RackInUse, releases: dict[str, str], image: str, other: Swarm | None) -> list[Row]:
    figures = _in_turn(here, rack, releases, image, other)
    count = here.rounds(4, 2)
    rack.wait_until_at_rest(APP, PROCESSES)
    turns, copies = _turns(rack, releases), list[str]()
    ours = _under_load(_crowd(rack), lambda number: copies.append(rack.roll_back(APP, turns[number % 2])), count)
    rack.wait_until_at_rest(APP, PROCESSES)
    undone = count - load.completed(rack, copies)
    done = Row("docker", f"rollbacks not completed, of {count}", "", Figures.once(undone), goal=NONE_FAILED)
    rows = [*_rows(figures), done, *_failure_rows(ours, None)]
    if other is not None:
        other.wait_until_at_rest()
        sent = LOAD | {"seconds": _seconds(count)}
        theirs = _under_load(lambda _: swarm.crowd(other, sent), lambda _: other.roll_back(), count)
        rows[-2:] = _failure_rows(ours, theirs)
    return rows


def _turns(rack: RackInUse, releases: dict[str, str]) -> list[str]:
    """Return the two releases in the order in which to go back to them: each time to one that is not active."""
    active = rack.api.fetch(types.App, routes.app(APP)).release
    environment = rack.api.fetch(types.Release, routes.release(APP, active)).env.split()
    return [releases[each] for each in sorted(releases, key=lambda each: f"GREETING={each}" in environment)]


def _in_turn(
    here: Place, rack: RackInUse, releases: dict[str, str], image: str, other: Swarm | None
) -> dict[str, Figures]:
    with Watch(rack.process.router_port, HOST) as watch, _network() as prefix:
        journey = Promotions(rack, releases, watch)
        measured: dict[str, Callable[[], float]] = {
            "floor": lambda: _floor(rack, image, prefix),
            "api": journey.by_api,
            "command": journey.by_command,
            "promotion": journey.promotion,
        }
        rounds = here.rounds(12, 3)
        if other is None:
            return interleaved(rounds, measured) | journey.ends()
        other.serve(rollback.GREETINGS)
        with other.rollbacks(rollback.GREETINGS) as theirs:
            return interleaved(rounds, {**measured, "swarm": theirs.once}) | journey.ends()


class Promotions(rollback.Journey):
    """Rollbacks, and promotions of releases that never ran."""

    def __init__(self, rack: RackInUse, releases: dict[str, str], watch: Watch) -> None:
        super().__init__(rack, releases, watch)
        self._promoted = 0

    def promotion(self) -> float:
        """Promote a new release by a request; return the milliseconds to its first answer."""
        self._rack.wait_until_at_rest(APP, PROCESSES)
        self._promoted += 1
        greeting = f"bonjour {self._promoted}"
        release = self._rack.set_environment(APP, f"GREETING={greeting}")
        self._watch.expect(greeting=greeting)
        began = time.perf_counter()
        self._rack.api.send("POST", routes.promote(APP, release))
        return (self._watch.seen_at(rollback.TIMEOUT_S) - began) * 1000


def _floor(rack: RackInUse, image: str, prefix: str) -> float:
    rack.wait_until_at_rest(APP, PROCESSES)
    given: dict[str, object] = {"image": image, "network": NETWORK, "prefix": prefix, "health": rollback.HEALTH}
    given |= {"port": PORT, "processes": PROCESSES}
    variables = ("--env=GREETING=hello", "--env=RELEASE=none")
    return float(place.result(place.program("bare_docker", *place.options(given), *variables))["ms"])


@contextmanager
def _network() -> Iterator[str]:
    """Have a bridge with addresses of our choice inside the block; yields their first three numbers."""
    prefix = next(each for each in SUBNETS if _is_made(each))
    try:
        yield prefix
    finally:
        _docker("network", "rm", NETWORK)


def _is_made(prefix: str) -> bool:
    command = ["docker", "network", "create", "--subnet", f"{prefix}.0/24", NETWORK]
    return subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_S).returncode == 0


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, text=True, stdout=subprocess.PIPE, timeout=COMMAND_S).stdout


# --- under load ---


def _seconds(count: int) -> float:
    return FIRST_AFTER_S + count * EVERY_S


def _crowd(rack: RackInUse) -> Callable[[float], subprocess.Popen[str]]:
    where: dict[str, object] = {"port": rack.process.router_port, "host": HOST}
    return lambda seconds: place.program("crowd", *place.options(where | LOAD | {"seconds": seconds}))


def _under_load(
    crowd: Callable[[float], subprocess.Popen[str]], roll_back: Callable[[int], object], count: int
) -> Failures:
    """Send the load and roll back at fixed times meanwhile."""
    running = crowd(_seconds(count))
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + FIRST_AFTER_S + number * EVERY_S - time.monotonic()))
        roll_back(number)
    seen: dict[str, Any] = place.result(running)
    return Failures(count, seen["sent"], sum(seen["failures"].values()), seen["latencies_ms"])


# --- rows ---


def _rows(figures: dict[str, Figures]) -> Sequence[Row]:
    floor, run, update = figures["floor"], "docker run", "service update --rollback"
    rows = [
        Row("docker", "API call to first answer, cold", "ms", figures["api"], run, floor, FLOOR_GOAL),
        Row("docker", "API call to its own answer", "ms", figures["api answered"]),
        Row("docker", "promotion, API call to first answer", "ms", figures["promotion"], run, floor),
        Row("docker", "command to first answer, cold", "ms", figures["command"], run, floor),
    ]
    if "swarm" in figures:
        rows.append(Row("docker", "the same", "ms", figures["command"], update, figures["swarm"], FASTER))
    return rows


def _failure_rows(ours: Failures, theirs: Failures | None) -> Sequence[Row]:
    beside = "" if theirs is None else f"Swarm, of {theirs.sent:,}"
    failed = None if theirs is None else Figures.once(theirs.failed)
    slow = None if theirs is None else Figures.of(theirs.latencies_ms)
    what = f"failed of {ours.sent:,}, {ours.rollbacks} rollbacks, {UNDER}"
    return [
        Row("docker", what, "", Figures.once(ours.failed), beside, failed, NONE_FAILED),
        Row("docker", "latency meanwhile", "ms", Figures.of(ours.latencies_ms), "Swarm" if slow else "", slow),
    ]
