"""Requests per second through the router beside direct, with an app that answers at once.

Client, router and app share the cores of this machine: the ratio says what the way through the router costs
when everything is on one machine, not what the router could do on its own.
"""

from dataclasses import dataclass, field

from bench import place, processes
from bench.figures import Figures, Row
from bench.place import Place, RackInUse

APP = "instant"
HOST = "web.instant.localhost"
CONNECTIONS = 64


def measure(here: Place) -> list[Row]:
    """Rush the app through the router and directly, in turn."""
    with here.rack() as rack:
        rack.deploy(APP, place.APPS / APP)
        rack.wait_until_at_rest(APP, 1)
        seen = Seen()
        for _ in range(here.rounds(5, 1)):
            _direct(rack, seen, here.rounds(3, 1))
            _routed(rack, seen, here.rounds(3, 1))
    return _rows(seen)


@dataclass(frozen=True, slots=True)
class Seen:
    """A value for each round."""

    direct: list[float] = field(default_factory=list)
    routed: list[float] = field(default_factory=list)
    caddy_us: list[float] = field(default_factory=list)


def _direct(rack: RackInUse, seen: Seen, seconds: float) -> None:
    answered, took_s = _rush(processes.port_of(rack.process.data, APP), seconds)
    seen.direct.append(answered / took_s)


def _routed(rack: RackInUse, seen: Seen, seconds: float) -> None:
    pids = processes.of_router(rack.process.data).values()
    before_s = sum(map(processes.cpu_s, pids))
    answered, took_s = _rush(rack.process.router_port, seconds)
    seen.routed.append(answered / took_s)
    seen.caddy_us.append((sum(map(processes.cpu_s, pids)) - before_s) / answered * 1e6)


def _rush(port: int, seconds: float) -> tuple[float, float]:
    given = {"port": port, "host": HOST, "connections": CONNECTIONS, "seconds": seconds}
    seen = place.result(place.program("rush", *(f"--{name}={value}" for name, value in given.items())))
    if seen["failed"] or not seen["answered"]:
        raise RuntimeError(f"{seen['failed']} requests failed, {seen['answered']} were answered")
    return seen["answered"], seen["seconds"]


def _rows(seen: Seen) -> list[Row]:
    routed, direct = Figures.of(seen.routed), Figures.of(seen.direct)
    return [
        Row("throughput", f"through the router, {CONNECTIONS} connections", "requests/s", routed, "direct", direct),
        Row("throughput", "processor time of Caddy for each request", "us", Figures.of(seen.caddy_us)),
    ]
