"""Listing the releases of an app with 10,000 of them, beside one with 10."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Goal, Kind, Row, interleaved
from bench.place import Place, RackInUse
from sternway.clock import RandomIds
from sternway.core.app import Made
from sternway.core.environment import Environment
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.core.release import Release
from sternway.home import Home
from sternway.ports import Ledger
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from sternway.wire import routes, types

FEW, MANY = 10, 10_000
FLAT = Goal(Kind.RATIO, 1.2)
MADE = Made(datetime(2026, 3, 1, tzinfo=UTC), "bench")
MANIFEST = "services:\n  web:\n    build: .\n    port: 3000\n"


def measure(here: Place) -> list[Row]:
    """Fill the store of a rack through the store's own code, start the rack on it, and list."""
    asyncio.run(_fill(here.directory / "rack", {"few": FEW, "many": MANY}))
    with here.rack() as rack:
        by_api = interleaved(here.rounds(300, 30), {app: _listing(rack, app) for app in ("few", "many")}, warm_up=5)
        by_command = interleaved(here.rounds(25, 3), {app: _command(rack, app) for app in ("few", "many")})
    beside = f"app with {FEW}"
    return [
        Row("releases", f"GET releases, app with {MANY:,}", "ms", by_api["many"], beside, by_api["few"], FLAT),
        Row("releases", f"the command, app with {MANY:,}", "ms", by_command["many"], beside, by_command["few"], FLAT),
    ]


def _listing(rack: RackInUse, app: str) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        listed = rack.api.fetch_all(types.Release, routes.releases(app))
        took_ms = (time.perf_counter() - began) * 1000
        assert len(listed) == FEW, listed
        return took_ms

    return once


def _command(rack: RackInUse, app: str) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        rack.process.sternway("releases", "-a", app)
        return (time.perf_counter() - began) * 1000

    return once


async def _fill(data: Path, counts: dict[str, int]) -> None:
    home = Home(data)
    for directory in (home.store.parent, home.key.parent):
        directory.mkdir(parents=True, mode=0o700)
    store = SqlStore(home.store, KeyFile(home.key))
    async with store.run(), store.write() as ledger:
        for name, count in counts.items():
            await _app(ledger, name, count)


async def _app(ledger: Ledger, name: str, count: int) -> None:
    """Add an app whose releases differ, the first of them active; none has a build, so that nothing runs."""
    app, ids = await ledger.apps.add(name, MADE), RandomIds()
    releases = [
        Release(ids.release(), app.id, MADE, None, Environment({"NUMBER": str(number)}), MANIFEST, f"number {number}")
        for number in range(count)
    ]
    for release in releases:
        await ledger.releases.add(release)
    promotion = await ledger.promotions.add(app, releases[0], PromotionOptions(), MADE)
    for status in (PromotionStatus.UPDATING, PromotionStatus.COMPLETED):
        promotion = await ledger.promotions.record(promotion, status, MADE.at)
