"""Cold rollbacks under load: 500 requests/s over 50 keep-alive connections that never retry, three processes."""

import time
from dataclasses import dataclass
from typing import Any

from bench import place, rollback
from bench.figures import Figures, Goal, Kind, Row
from bench.place import Place, RackInUse
from sternway.wire import routes, types

CONNECTIONS = 50
PROCESSES = 3
NONE_FAILED = Goal(Kind.MEDIAN, 0)


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, and how often the app is rolled back meanwhile; `standby` is whether the other release is kept."""

    rate: int = 500
    every_s: float = 4.0
    standby: str = "off"


def measure(here: Place) -> list[Row]:
    """Send the load once while nothing else happens, and once while the app is rolled back again and again."""
    return measure_under(here, Load(), "load")


def measure_under(here: Place, sent: Load, name: str) -> list[Row]:
    """Measure under this load."""
    seconds = here.rounds(20, 6)
    standby = PROCESSES if sent.standby != "off" else 0
    manifest = (rollback.HELLO / "convox.yml").read_text().replace("count: 2", f"count: {PROCESSES}")
    source = place.source(here.directory / "hello", rollback.HELLO, {"convox.yml": manifest})
    with here.rack(name.replace(", ", "-")) as rack:
        releases = rollback.prepare(rack, source, standby=sent.standby)
        rack.wait_until_at_rest(rollback.APP, PROCESSES, standby=standby)
        calm, _ = _crowd(rack, sent, seconds, [])
        asked = _turns(releases, sent, seconds)
        busy, copies = _crowd(rack, sent, seconds, asked)
        rack.wait_until_at_rest(rollback.APP, PROCESSES, standby=standby)
        done = completed(rack, copies)
    return _rows(name, calm, busy, asked=len(asked), completed=done)


def _turns(releases: dict[str, str], sent: Load, seconds: int) -> list[str]:
    """Return to which release each rollback goes: back and forth."""
    count = int((seconds - sent.every_s / 2) // sent.every_s) + 1
    ids = list(releases.values())
    return [ids[number % 2] for number in range(count)]


def _crowd(rack: RackInUse, sent: Load, seconds: int, turns: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Send the load, rolling back at fixed times meanwhile; return what it saw, and the copies that were made."""
    given = {"port": rack.process.router_port, "host": rollback.HOST, "rate": sent.rate}
    given |= {"seconds": seconds, "connections": CONNECTIONS}
    running = place.program("crowd", *(f"--{name}={value}" for name, value in given.items()))
    began = time.monotonic()
    copies = []
    for number, release in enumerate(turns):
        time.sleep(max(0.0, began + (number + 0.5) * sent.every_s - time.monotonic()))
        copies.append(rack.roll_back(rollback.APP, release))
    return place.result(running), copies


def completed(rack: RackInUse, copies: list[str]) -> int:
    """Return how many of the latest promotions were of these releases and got done."""
    listed = rack.api.fetch_all(types.Promotion, routes.promotions(rollback.APP), {"limit": len(copies) + 1})
    return sum(promotion.release in copies and promotion.status == "completed" for promotion in listed)


def _rows(name: str, calm: dict[str, Any], busy: dict[str, Any], *, asked: int, completed: int) -> list[Row]:
    failed = sum(busy["failures"].values())
    kinds = f" ({', '.join(busy['failures'])})" if failed else ""
    what = f"failed of {busy['sent']:,} requests, {asked} rollbacks{kinds}"
    beside, before = "no rollbacks", sum(calm["failures"].values())
    return [
        Row(name, what, "", Figures.once(failed), beside, Figures.once(before), NONE_FAILED),
        Row(name, f"rollbacks not completed, of {asked}", "", Figures.once(asked - completed), goal=NONE_FAILED),
        Row(
            name,
            "latency while rolling back",
            "ms",
            Figures.of(busy["latencies_ms"]),
            beside,
            Figures.of(calm["latencies_ms"]),
        ),
    ]
