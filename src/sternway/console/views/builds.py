"""Builds: the list, and one with what it printed."""

import codecs
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import Response

from sternway.console import live, printed, visit
from sternway.console.visit import Visit
from sternway.core.promotion import Promotion
from sternway.core.release import Build, BuildStatus
from sternway.ops import apps, builds, deployments, promotions

LISTED = 50
TAIL_BYTES = 60_000
CHUNK_LINES = 200
PROMOTION = "promotion"
"""What an address asks for that is to go on to the promotion of the build's release."""


async def index(seen: Visit) -> Response:
    """List builds, the newest first."""
    view = await apps.get(seen.rack, seen.app)
    return seen.page("builds.html", view=view, listed=await builds.list_newest(seen.rack, seen.app, LISTED))


async def show(seen: Visit) -> Response:
    """Show a build; what it printed follows by itself while it runs."""
    view = await apps.get(seen.rack, seen.app)
    build = await builds.get(seen.rack, seen.app, seen.part("build"))
    attempt = await _attempt(seen, build)
    if attempt and seen.asked("then") == PROMOTION:
        return visit.to("apps", seen.app, "promotions", attempt.id)
    log = b"" if build.status.is_open else await _tail(seen)
    wanted = await deployments.find(seen.rack, build.id)
    problem = wanted.problem if wanted else ""
    is_deploying = wanted is not None and not problem and build.status is not BuildStatus.FAILED
    shown: dict[str, Any] = {"attempt": attempt, "deploying": is_deploying}
    text = log.decode("utf-8", "replace")
    return seen.page("build.html", view=view, build=build, log=text, not_promoted=problem, **shown)


async def _attempt(seen: Visit, build: Build) -> Promotion | None:
    """Return the newest attempt at the release of a build."""
    if build.release_id is None:
        return None
    return (await promotions.of_releases(seen.rack, seen.app, [build.release_id])).get(build.release_id)


async def show_live(seen: Visit) -> Response:
    """Tell what a build prints, from its beginning, and `done` at its end."""
    await builds.get(seen.rack, seen.app, seen.part("build"))
    return seen.stream(_printing(seen))


async def cancel(seen: Visit) -> Response:
    """Have a build end."""
    await builds.cancel(seen.rack, seen.app, seen.part("build"), seen.made())
    return visit.to("apps", seen.app, "builds", seen.part("build"))


async def _tail(seen: Visit) -> bytes:
    """Return the end of what was printed; the whole can be megabytes."""
    kept = bytearray()
    async for chunk in builds.log(seen.rack, seen.app, seen.part("build")):
        kept = bytearray((kept + chunk)[-TAIL_BYTES:])
    return bytes(kept)


async def _printing(seen: Visit) -> AsyncGenerator[live.Event, None]:
    """Yield what is printed, by whole lines. Whoever comes back gets all of it anew, after `clear`."""
    decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
    yield live.Event("clear", "")
    async for chunk in builds.log(seen.rack, seen.app, seen.part("build")):
        whole, newline, rest = (rest + decoder.decode(chunk)).rpartition("\n")
        lines = (whole + newline).splitlines()
        for begin in range(0, len(lines), CHUNK_LINES):
            yield _event(seen, lines[begin : begin + CHUNK_LINES])
    if rest:
        yield _event(seen, [rest])
    yield live.Event("done", "")


def _event(seen: Visit, lines: list[str]) -> live.Event:
    shown = [printed.shown(line.encode("utf-8", "replace")) for line in lines]
    return live.Event("output", seen.part_of_page("parts/output.html", lines=shown))
