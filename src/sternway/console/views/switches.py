"""What was asked of an app while it was switched, as it happens."""

from collections.abc import AsyncGenerator

from starlette.responses import Response

from sternway.console import traffic
from sternway.console.live import Event
from sternway.console.visit import Visit
from sternway.core.errors import NotFound
from sternway.ops import promotions

PAUSE_S = 1.0
MAX_NUMBER = 2**62


async def watch_live(seen: Visit) -> Response:
    """Keep the chart of an attempt up to date, until some time after its end."""
    number = int(seen.part("promotion"))
    if number > MAX_NUMBER:
        raise NotFound(f"promotion not found: {number}")
    await promotions.get(seen.rack, seen.app, number)
    return seen.stream(_seconds(seen, number))


async def _seconds(seen: Visit, number: int) -> AsyncGenerator[Event, None]:
    """Yield the chart each second, and `done` when nothing more will be in it."""
    changes, is_over = seen.rack.changes, False
    while not (changes.is_over or is_over):
        version = changes.version(seen.app)
        across = await traffic.across(seen.rack, seen.app, await promotions.get(seen.rack, seen.app, number))
        is_over = across is None or across.is_over
        if across:
            yield Event("across", seen.part_of_page("parts/across.html", across=across))
        if not is_over:
            await changes.wait(seen.app, version, PAUSE_S)
    if is_over:
        yield Event("done", "")
