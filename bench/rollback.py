"""A cold rollback beside its floor: a bare script that starts as many of the same processes and renames a file."""

import time
from collections.abc import Callable
from pathlib import Path

from bench import place
from bench.figures import Figures, Goal, Kind, Row, interleaved
from bench.place import Place, RackInUse
from bench.watch import Watch
from sternway.engines.process import environment

HELLO = place.ROOT / "examples" / "hello"
APP = "hello"
HOST = "web.hello.localhost"
COMMAND = "python3 app.py"
HEALTH = "/health"
PROCESSES = 2
GREETINGS = ("hello", "hola")
TIMEOUT_S = 30.0
WARM_UP = 1
GOAL = Goal(Kind.RATIO, 1.5)


def measure(here: Place) -> list[Row]:
    """Measure in turn: the floor, a rollback by the API, one by the command."""
    with here.rack() as rack:
        releases = prepare(rack, HELLO)
        with Watch(rack.process.router_port, HOST) as watch:
            journey = Journey(rack, releases, watch)
            floor = Floor(here.directory / "floor", rack)
            measured = {"floor": floor.once, "api": journey.by_api, "command": journey.by_command}
            figures = interleaved(here.rounds(25, 3), measured, warm_up=WARM_UP)
    return _rows(figures | journey.ends())


def prepare(rack: RackInUse, source: Path, *, app: str = APP, standby: str = "off") -> dict[str, str]:
    """Deploy the app and make a release for each greeting; return their ids. The last one is active."""
    rack.deploy(app, source, standby=standby)
    return {greeting: _promoted(rack, app, greeting) for greeting in GREETINGS}


def _promoted(rack: RackInUse, app: str, greeting: str) -> str:
    release = rack.set_environment(app, f"GREETING={greeting}")
    rack.process.sternway("releases", "promote", release, "-a", app)
    return release


class Floor:
    """The bare script, in the same minimal environment, with a copy of the same source."""

    def __init__(self, directory: Path, rack: RackInUse) -> None:
        self._directory = place.source(directory, HELLO, {})
        self._rack = rack

    def once(self) -> float:
        """Run it when the rack is at rest; return the milliseconds that it took."""
        self._rack.wait_until_at_rest(APP, PROCESSES)
        arguments = ("--command", COMMAND, "--health", HEALTH, "--processes", str(PROCESSES))
        given = {"PATH": environment.PATH, "LANG": "C.UTF-8", "GREETING": "hello", "RELEASE": "none"}
        running = place.program("bare", *arguments, cwd=self._directory, environment=given)
        return float(place.result(running)["ms"])


class Journey:
    """Goes back and forth between two releases, each time when nothing of the other one is left, or it stands by."""

    def __init__(
        self, rack: RackInUse, releases: dict[str, str], watch: Watch, *, app: str = APP, standby: int = 0
    ) -> None:
        self._rack = rack
        self._app = app
        self._standby = standby
        self._releases = releases
        self._watch = watch
        self._where = GREETINGS[-1]
        self._ends: dict[str, list[float]] = {"api answered": [], "command ended": []}

    def by_api(self) -> float:
        """Roll back by a request; return the milliseconds to the first answer of the old release."""
        return self._go("api answered", lambda release: self._rack.roll_back(self._app, release))

    def by_command(self) -> float:
        """Roll back as a person does; return the same."""
        words = ("releases", "rollback", "-a", self._app)
        return self._go("command ended", lambda release: self._rack.process.sternway(*words, release))

    def ends(self) -> dict[str, Figures]:
        """Return when request and command ended themselves."""
        return {name: Figures.of(values[WARM_UP:]) for name, values in self._ends.items()}

    def _go(self, end: str, ask: Callable[[str], str]) -> float:
        self._rack.wait_until_at_rest(self._app, PROCESSES, standby=self._standby)
        self._where = next(greeting for greeting in GREETINGS if greeting != self._where)
        self._watch.expect(greeting=self._where)
        began = time.perf_counter()
        ask(self._releases[self._where])
        self._ends[end].append((time.perf_counter() - began) * 1000)
        return (self._watch.seen_at(TIMEOUT_S) - began) * 1000


def _rows(figures: dict[str, Figures]) -> list[Row]:
    floor, beside = figures["floor"], "bare script"
    return [
        Row("rollback", "API call to first answer, cold", "ms", figures["api"], beside, floor, GOAL),
        Row("rollback", "API call to its own answer", "ms", figures["api answered"]),
        Row("rollback", "command to first answer, cold", "ms", figures["command"], beside, floor),
        Row("rollback", "command to its end", "ms", figures["command ended"], beside, floor),
    ]
