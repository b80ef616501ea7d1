"""Logs: what was printed lately, and what is printed from now on."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from sternway.console import live, printed, texts
from sternway.console.visit import Visit
from sternway.core.errors import InvalidInput, NotFound, SternwayError
from sternway.ops import apps, formations, processes, releases, system
from sternway.ports import LogLine, LogQuery

SHOWN = 300
SEARCHED = 20_000
"""Among so many of the newest lines those with a text are looked for."""
CHOICES = 30
_NO_CHOICES: Mapping[str, Any] = {"services": (), "releases": ()}
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
    release: str = ""

    def query(self, since: datetime, *, follow: bool) -> LogQuery:
        """Return the question for the logs."""
        newest = SEARCHED if self.text else SHOWN
        tail = None if follow or self.since else newest
        return LogQuery(since, tail, self.service or None, self.process or None, follow)

    def link(self, **changed: str) -> str:
        """Return what an address says after its `?` to ask for the same, with something changed."""
        values = asdict(self) | changed
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def begins(self) -> str:
        """Return since when, as a field for a moment takes it."""
        at = _moment(self.since)
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") if at else ""


async def of_app(seen: Visit) -> Response:
    """Show the newest lines of an app."""
    view, wanted = await apps.get(seen.rack, seen.app), _narrowing(seen)
    try:
        lines = await _lately(seen, wanted)
    except NotFound:
        lines = []
    choices: Mapping[str, Any] = {"services": await _services(seen), "releases": await _releases(seen, wanted)}
    return seen.page("logs.html", view=view, lines=lines, wanted=wanted, place=place(lines), is_rack=False, **choices)


async def of_app_live(seen: Visit) -> Response:
    """Tell lines of an app as they come."""
    await apps.get(seen.rack, seen.app)
    return seen.stream(_following(seen, _narrowing(seen)))


async def of_rack(seen: Visit) -> Response:
    """Show the newest lines of the rack itself."""
    wanted = _narrowing(seen)
    lines = await _lately(seen, wanted)
    return seen.page("logs.html", lines=lines, wanted=wanted, place=place(lines), is_rack=True, **_NO_CHOICES)


async def of_rack_live(seen: Visit) -> Response:
    """Tell lines of the rack as they come."""
    return seen.stream(_following(seen, _narrowing(seen)))


def _narrowing(seen: Visit) -> Narrowing:
    return Narrowing(*(seen.asked(name)[:200] for name in ("service", "process", "text", "since", "release")))


async def _source(seen: Visit, wanted: Narrowing, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    """Return the lines; raises NotFound for a release that there is not."""
    if "app" not in seen.request.path_params:
        return system.logs(seen.rack, query)
    if wanted.release:
        keys = await formations.of_release(seen.rack, seen.app, wanted.release)
        query = replace(query, fingerprints=frozenset(key.fingerprint for key in keys))
    return processes.logs(seen.rack, seen.app, query)


async def _lately(seen: Visit, wanted: Narrowing) -> Sequence[ShownLine]:
    """Return the newest lines, or from a moment the first ones after it."""
    since = _moment(wanted.since) or seen.rack.clock.now() - LATELY
    found = []
    async with aclosing(await _source(seen, wanted, wanted.query(since, follow=False))) as lines:
        async for line in lines:
            if _is_meant(line, wanted):
                found.append(shown(line))
            if wanted.since and len(found) >= SHOWN:
                break
    return found[-SHOWN:]


async def _following(seen: Visit, wanted: Narrowing) -> AsyncGenerator[live.Event, None]:
    """Yield lines from where the page ends, or from the last one that the browser says it had."""
    last = seen.request.headers.get("last-event-id") or seen.asked("last")
    since, known = _place(last, seen.rack.clock.now())
    at, count = since, 0
    async with aclosing(await _source(seen, wanted, wanted.query(since, follow=True))) as lines:
        async for line in lines:
            at, count = line.at, count + 1 if line.at == at else 1
            if _is_meant(line, wanted) and (line.at > since or count > known):
                data = seen.part_of_page("parts/line.html", line=shown(line), wanted=wanted)
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


def shown(line: LogLine) -> ShownLine:
    """Return a line as it is shown."""
    group = sum(line.source.split("/")[1:2][0].encode()) % 6 if line.source.startswith("service/") else 6
    return ShownLine(line.at, line.source.removeprefix("service/"), printed.shown(line.text), group)


async def _releases(seen: Visit, wanted: Narrowing) -> Sequence[tuple[str, str]]:
    """Return the newest releases to choose from, each with what it is, and the one that is chosen."""
    lines = [(line.id, line.description) for line in await releases.list_newest(seen.rack, seen.app, CHOICES)]
    is_there = not wanted.release or wanted.release in {release_id for release_id, _ in lines}
    return lines if is_there else [*lines, (wanted.release, "")]


async def _services(seen: Visit) -> Sequence[str]:
    try:
        return [each.name for each in await processes.services(seen.rack, seen.app)]
    except SternwayError:
        return []
