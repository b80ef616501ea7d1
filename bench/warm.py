"""A rollback to what stands by, beside the bare switch, a cold one, kamal-proxy and Docker Swarm; then under load."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import kamal, load, machine, place, rollback, swarm, upstreams
from bench.docker import image_of
from bench.figures import Figures, Goal, Kind, Row, interleaved
from bench.kamal import KamalProxy
from bench.load import Load
from bench.place import Place, RackInUse
from bench.rollback import GREETINGS, HELLO, PROCESSES, Journey
from bench.swarm import Swarm
from bench.watch import Watch
from sternway.clock import SystemClock
from sternway.core.formation import FormationKey, Member, Route
from sternway.engines.docker import presence
from sternway.router.caddy.router import CaddyRouter

WARM, COLD, BARE = "hello", "cold", "bare"
API = "API call to first answer"
STANDBY = "1h"
TIMEOUT_S = 10.0
GOAL = Goal(Kind.MEDIAN, 15)
TAIL_GOAL = Goal(Kind.MEDIAN, 40)
COMMAND_GOAL = Goal(Kind.EXCESS, 120)
UNDER_LOAD = Load(rate=1000, every_s=2.0, standby=STANDBY)


def measure(here: Place) -> list[Row]:
    """Measure in turn what only turns from one process to another, and rollbacks; then under load; then on Docker."""
    with upstreams.running() as ports, contextlib.ExitStack() as beside:
        bare = beside.enter_context(Switch(here.directory / "switch", ports))
        measured = {"bare": bare.once} | _kamal(here, ports, beside)
        figures = _on_processes(here, measured)
    loaded = load.measure_under(here, UNDER_LOAD, "warm, loaded")
    return [*_rows(figures), *loaded, *_on_docker(here, figures["bare"])]


def _kamal(here: Place, ports: dict[str, int], beside: contextlib.ExitStack) -> dict[str, Callable[[], float]]:
    program = kamal.program()
    if program is None:
        print(kamal.left_out(), flush=True)
        return {}
    proxy = beside.enter_context(KamalProxy(here.directory / "kamal", program, _host(BARE)))
    proxy.turn_to(f"127.0.0.1:{ports[GREETINGS[0]]}")
    watch = beside.enter_context(Watch(proxy.port, _host(BARE), is_patient=True))
    return {"kamal": kamal.Turns(proxy, ports, watch).once}


def _on_processes(here: Place, beside: dict[str, Callable[[], float]]) -> dict[str, Figures]:
    """Measure rollbacks by the API and by the command, and a cold one."""
    home = here.directory / "home"
    home.mkdir()
    with here.rack() as rack, contextlib.ExitStack() as watching:
        warm, cold = _journeys(rack, watching)
        environment = place.bare_environment(home, RACK_URL=rack.process.url)
        measured = {**beside, "api": warm.by_api, "command": warm.by_command, "cold": cold.by_api}
        measured["version"] = lambda: place.run_ms([str(place.BIN / "sternway"), "version"], environment, home)
        figures = interleaved(here.rounds(40, 5), measured, warm_up=2)
    return figures | warm.ends()


def _journeys(rack: RackInUse, watching: contextlib.ExitStack) -> tuple[Journey, Journey]:
    """Deploy an app of which the other release stands by, and one of which it does not."""
    warm = rollback.prepare(rack, HELLO, app=WARM, standby=STANDBY)
    cold = rollback.prepare(rack, HELLO, app=COLD)
    watches = [
        watching.enter_context(Watch(rack.process.router_port, _host(app), is_patient=True)) for app in (WARM, COLD)
    ]
    return (
        Journey(rack, warm, watches[0], app=WARM, standby=PROCESSES),
        Journey(rack, cold, watches[1], app=COLD),
    )


def _on_docker(here: Place, bare: Figures) -> list[Row]:
    """Measure a warm and a cold rollback on containers, and that of Swarm, in turn, where an engine answers."""
    engine = presence.address()
    if not presence.answers(engine):
        print(f"left out: no Docker engine answers at {engine}; scripts/with_docker.sh starts one", flush=True)
        return []
    os.environ["DOCKER_HOST"] = engine
    subprocess.run([place.ROOT / "scripts" / "images.sh"], check=True)
    with here.rack("containers", engine="docker") as rack, contextlib.ExitStack() as beside:
        warm, cold = _journeys(rack, beside)
        measured = {"warm": warm.by_api, "cold": cold.by_api} | _swarm(here, image_of(rack, WARM), beside)
        return _docker_rows(interleaved(here.rounds(20, 3), measured, rest=machine.rest), bare)


def _swarm(here: Place, image: str, beside: contextlib.ExitStack) -> dict[str, Callable[[], float]]:
    obstacle = swarm.obstacle()
    if obstacle:
        print(f"Swarm is left out: {obstacle}", flush=True)
        return {}
    other = beside.enter_context(Swarm(here.directory / "swarm", image, PROCESSES))
    other.serve(GREETINGS)
    return {"swarm": beside.enter_context(other.rollbacks(GREETINGS)).once}


class Switch:
    """The router alone, with two upstreams that run: from the call to the first answer of the other one."""

    def __init__(self, directory: Path, ports: dict[str, int]) -> None:
        self._directory = directory
        self._members = {g: Member(FormationKey(BARE, "web", g), f"127.0.0.1:{p}") for g, p in ports.items()}
        self._runner = asyncio.Runner()
        self._running = contextlib.ExitStack()
        self._where = GREETINGS[0]

    def __enter__(self) -> Self:
        self._directory.mkdir()
        listen = upstreams.free_port()
        self._router = CaddyRouter(self._directory / "router", f"127.0.0.1:{listen}", SystemClock())
        self._open = self._router.run()
        self._runner.run(self._open.__aenter__())
        self._apply()
        self._watch = self._running.enter_context(Watch(listen, _host(BARE), is_patient=True))
        return self

    def once(self) -> float:
        """Switch; return the milliseconds to the first answer."""
        self._where = next(greeting for greeting in GREETINGS if greeting != self._where)
        self._watch.expect(greeting=self._where)
        began = time.perf_counter()
        self._apply()
        return (self._watch.seen_at(TIMEOUT_S) - began) * 1000

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
        self._runner.run(self._open.__aexit__(None, None, None))
        self._runner.run(self._router.stop())
        self._runner.close()

    def _apply(self) -> None:
        route = Route("web", (_host(BARE),), (self._members[self._where],))
        self._runner.run(self._router.apply(BARE, (route,), epoch=1))


def _host(app: str) -> str:
    return f"web.{app}.localhost"


def _rows(figures: dict[str, Figures]) -> list[Row]:
    warm, bare, cold, version = (figures[name] for name in ("api", "bare", "cold", "version"))
    tail, command = Figures.once(warm.p95), figures["command"]
    rows = [
        Row("warm", API, "ms", warm, "bare switch", bare, GOAL),
        Row("warm", "the same, 95th percentile", "ms", tail, "bare switch", Figures.once(bare.p95), TAIL_GOAL),
        Row("warm", API, "ms", warm, "cold rollback", cold),
        Row("warm", "API call to its own answer", "ms", figures["api answered"]),
        Row("warm", "command to first answer", "ms", command, "sternway version", version),
        Row("warm", "command to its end", "ms", figures["command ended"], "sternway version", version, COMMAND_GOAL),
    ]
    if "kamal" in figures:
        theirs = ("kamal-proxy deploy", figures["kamal"])
        rows += [Row("warm", API, "ms", warm, *theirs), Row("warm", "command to first answer", "ms", command, *theirs)]
    return rows


def _docker_rows(figures: dict[str, Figures], bare: Figures) -> list[Row]:
    found, what = figures["warm"], f"{API}, Docker"
    tail, bare_tail = Figures.once(found.p95), Figures.once(bare.p95)
    rows = [
        Row("warm", what, "ms", found, "bare switch", bare, GOAL),
        Row("warm", "the same, 95th percentile", "ms", tail, "bare switch", bare_tail, TAIL_GOAL),
        Row("warm", what, "ms", found, "cold, Docker", figures["cold"]),
    ]
    if "swarm" in figures:
        rows.append(Row("warm", what, "ms", found, "service update --rollback", figures["swarm"]))
    return rows
