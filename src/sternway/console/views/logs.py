"""Logs: what was printed lately, and what is printed from now on."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from sternway.console import live, printed, texts
from sternway.console.visit import Visit
from sternway.core.errors import InvalidInput, NotFound, SternwayError
from sternway.ops import apps, processes, system
from sternway.ports import LogLine, LogQuery

SHOWN = 300
SEARCHED = 20_000
"""Among so many of the newest lines those with a text are looked for."""
LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as it is shown; `group` colours its source."""

    at: datetime
    source: str
    text: str
    group: int


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which lines are wanted, as the form asks for them."""

    service: str = ""
    process: str = ""
    text: str = ""
    since: str = ""

    def query(self, since: datetime, *, follow: bool) -> LogQuery:
        """Return the question for the logs."""
        newest = SEARCHED if self.text else SHOWN
        tail = None if follow or self.since else newest
        return LogQuery(since, tail, self.service or None, self.process or None, follow)


async def of_app(seen: Visit) -> Response:
    """Show the newest lines of an app."""
    view, wanted = await apps.get(seen.rack, seen.app), _narrowing(seen)
    try:
        lines = await _lately(seen, wanted)
    except NotFound:
        lines = []
    known = await _services(seen)
    return seen.page(
        "logs.html", view=view, lines=lines, wanted=wanted, place=place(lines), services=known, is_rack=False
    )


async def of_app_live(seen: Visit) -> Response:
    """Tell lines of an app as they come."""
    await apps.get(seen.rack, seen.app)
    return seen.stream(_following(seen, _narrowing(seen)))


async def of_rack(seen: Visit) -> Response:
    """Show the newest lines of the rack itself."""
    wanted = _narrowing(seen)
    lines = await _lately(seen, wanted)
    return seen.page("logs.html", lines=lines, wanted=wanted, place=place(lines), services=[], is_rack=True)


async def of_rack_live(seen: Visit) -> Response:
    """Tell lines of the rack as they come."""
    return seen.stream(_following(seen, _narrowing(seen)))


def _narrowing(seen: Visit) -> Narrowing:
    return Narrowing(*(seen.asked(name)[:200] for name in ("service", "process", "text", "since")))


def _source(seen: Visit, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    if "app" in seen.request.path_params:
        return processes.logs(seen.rack, seen.app, query)
    return system.logs(seen.rack, query)


async def _lately(seen: Visit, wanted: Narrowing) -> Sequence[ShownLine]:
    """Return the newest lines, or from a moment the first ones after it."""
    since = _moment(wanted.since) or seen.rack.clock.now() - LATELY
    found = []
    async with aclosing(_source(seen, wanted.query(since, follow=False))) as lines:
        async for line in lines:
            if _is_meant(line, wanted):
                found.append(_shown(line))
            if wanted.since and len(found) >= SHOWN:
                break
    return found[-SHOWN:]


async def _following(seen: Visit, wanted: Narrowing) -> AsyncGenerator[live.Event, None]:
    """Yield lines from where the page ends, or from the last one that the browser says it had."""
    last = seen.request.headers.get("last-event-id") or seen.asked("last")
    since, known = _place(last, seen.rack.clock.now())
    at, count = since, 0
    async with aclosing(_source(seen, wanted.query(since, follow=True))) as lines:
        async for line in lines:
            at, count = line.at, count + 1 if line.at == at else 1
            if _is_meant(line, wanted) and (line.at > since or count > known):
                data = seen.part_of_page("parts/line.html", line=_shown(line))
                yield live.Event("line", data, f"{line.at.isoformat()}/{count}")


def place(lines: Sequence[ShownLine]) -> str:
    """Return the place after these lines: a moment, and how many of it there were."""
    if not lines:
        return ""
    at = lines[-1].at
    return f"{at.isoformat()}/{sum(line.at == at for line in lines)}"


def _place(text: str, now: datetime) -> tuple[datetime, int]:
    at, _, known = text.rpartition("/")
    try:
        return (_moment(at) or now, int(known or "0"))
    except ValueError:
        return now, 0


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidInput(texts.NOT_A_MOMENT, hint=texts.NOT_A_MOMENT_HINT) from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_meant(line: LogLine, wanted: Narrowing) -> bool:
    return wanted.text.encode("utf-8", "replace").lower() in line.text.lower()


def _shown(line: LogLine) -> ShownLine:
    group = sum(line.source.split("/")[1:2][0].encode()) % 6 if line.source.startswith("service/") else 6
    return ShownLine(line.at, line.source.removeprefix("service/"), printed.shown(line.text), group)


async def _services(seen: Visit) -> Sequence[str]:
    try:
        return [each.name for each in await processes.services(seen.rack, seen.app)]
    except SternwayError:
        return []
