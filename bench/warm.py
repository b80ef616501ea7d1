"""A rollback to what stands by, beside the bare switch of the router and a cold one; then under load."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import load, place, rollback
from bench.figures import Figures, Goal, Kind, Row, interleaved
from bench.load import Load
from bench.place import Place
from bench.rollback import GREETINGS, HELLO, PROCESSES, Journey
from bench.watch import Watch
from sternway.clock import SystemClock
from sternway.core.formation import FormationKey, Member, Route
from sternway.engines.docker import presence
from sternway.router.caddy.router import CaddyRouter

WARM, COLD, BARE = "hello", "cold", "bare"
STANDBY = "1h"
TIMEOUT_S = 10.0
GOAL = Goal(Kind.MEDIAN, 15)
TAIL_GOAL = Goal(Kind.MEDIAN, 40)
COMMAND_GOAL = Goal(Kind.EXCESS, 120)
UNDER_LOAD = Load(rate=1000, every_s=2.0, standby=STANDBY)


def measure(here: Place) -> list[Row]:
    """Measure in turn: the switch alone, a warm rollback by the API and by the command, a cold one."""
    home = here.directory / "home"
    home.mkdir()
    with here.rack() as rack, Switch(here.directory / "switch") as bare:
        warm = rollback.prepare(rack, HELLO, app=WARM, standby=STANDBY)
        cold = rollback.prepare(rack, HELLO, app=COLD)
        port, environment = rack.process.router_port, place.bare_environment(home, RACK_URL=rack.process.url)
        with (
            Watch(port, _host(WARM), is_patient=True) as watch,
            Watch(port, _host(COLD), is_patient=True) as watch_cold,
        ):
            journey = Journey(rack, warm, watch, app=WARM, standby=PROCESSES)
            slow = Journey(rack, cold, watch_cold, app=COLD)
            measured = {"bare": bare.once, "api": journey.by_api, "command": journey.by_command, "cold": slow.by_api}
            measured["version"] = lambda: place.run_ms([str(place.BIN / "sternway"), "version"], environment, home)
            figures = interleaved(here.rounds(50, 5), measured, warm_up=2)
    loaded = load.measure_under(here, UNDER_LOAD, "warm, loaded")
    return [*_rows(figures | journey.ends()), *loaded, *_on_docker(here, figures["bare"])]


def _on_docker(here: Place, bare: Figures) -> list[Row]:
    """Measure a warm and a cold rollback on containers, in turn, where an engine answers."""
    engine = presence.address()
    if not presence.answers(engine):
        print(f"left out: no Docker engine answers at {engine}; scripts/with_docker.sh starts one", flush=True)
        return []
    os.environ["DOCKER_HOST"] = engine
    subprocess.run([place.ROOT / "scripts" / "images.sh"], check=True)
    with here.rack("containers", engine="docker") as rack:
        warm = rollback.prepare(rack, HELLO, app=WARM, standby=STANDBY)
        cold = rollback.prepare(rack, HELLO, app=COLD)
        port = rack.process.router_port
        with (
            Watch(port, _host(WARM), is_patient=True) as watch,
            Watch(port, _host(COLD), is_patient=True) as watch_cold,
        ):
            journey = Journey(rack, warm, watch, app=WARM, standby=PROCESSES)
            slow = Journey(rack, cold, watch_cold, app=COLD)
            figures = interleaved(here.rounds(25, 3), {"warm": journey.by_api, "cold": slow.by_api})
    found = figures["warm"]
    tail, bare_tail = Figures.once(found.p95), Figures.once(bare.p95)
    return [
        Row("warm", "API call to first answer, Docker", "ms", found, "bare switch", bare, GOAL),
        Row("warm", "the same, 95th percentile", "ms", tail, "bare switch", bare_tail, TAIL_GOAL),
        Row("warm", "API call to first answer, Docker", "ms", found, "cold, Docker", figures["cold"]),
    ]


class Switch:
    """The router alone, with two upstreams that run: from the call to the first answer of the other one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runner = asyncio.Runner()
        self._running = contextlib.ExitStack()
        self._where = GREETINGS[0]

    def __enter__(self) -> Self:
        self._directory.mkdir()
        ports = {greeting: _free_port() for greeting in GREETINGS}
        for greeting, port in ports.items():
            self._running.enter_context(_upstream(greeting, port))
        self._members = {g: Member(FormationKey(BARE, "web", g), f"127.0.0.1:{p}") for g, p in ports.items()}
        listen = _free_port()
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


@contextlib.contextmanager
def _upstream(greeting: str, port: int) -> Iterator[None]:
    environment = {**os.environ, "GREETING": greeting, "PORT": str(port), "RELEASE": "none"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, "app.py"], cwd=HELLO, env=environment, stdout=quiet, stderr=quiet
    ) as running:
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while not _answers(port) and time.monotonic() < deadline:
                time.sleep(place.POLL_S)
            yield
        finally:
            running.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def _host(app: str) -> str:
    return f"web.{app}.localhost"


def _rows(figures: dict[str, Figures]) -> list[Row]:
    warm, bare, cold, version = (figures[name] for name in ("api", "bare", "cold", "version"))
    tail = Figures.once(warm.p95)
    return [
        Row("warm", "API call to first answer", "ms", warm, "bare switch", bare, GOAL),
        Row("warm", "the same, 95th percentile", "ms", tail, "bare switch", Figures.once(bare.p95), TAIL_GOAL),
        Row("warm", "API call to first answer", "ms", warm, "cold rollback", cold),
        Row("warm", "API call to its own answer", "ms", figures["api answered"]),
        Row("warm", "command to first answer", "ms", figures["command"], "sternway version", version),
        Row("warm", "command to its end", "ms", figures["command ended"], "sternway version", version, COMMAND_GOAL),
    ]
