"""Use cases of history: what was active when, by whom and why, for an app and for the rack."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sternway.core import history
from sternway.core.errors import InvalidInput, NotFound
from sternway.core.event import RACK_CHAIN, Event, app_chain
from sternway.core.history import Stand
from sternway.core.promotion import Promotion
from sternway.core.release import ReleaseLine
from sternway.ops.rack import Rack
from sternway.ops.releases import check_limit

DEFAULT_LIMIT = 30
PREVIOUS = "previous"
EVENTS_EACH = 8
"""How many events stand behind one line of history at most, as a rule: those of a build, a release, a promotion."""


class Subject(StrEnum):
    """What a line of history is about."""

    RELEASE = "release"
    ENVIRONMENT = "environment"
    SCALE = "scale"
    SETTINGS = "settings"
    APP = "app"
    RACK = "rack"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did, and how it ended. `at` is when it was asked for.

    `text` says in words what it was. `status` is that of a promotion (completed, reverted, cancelled, superseded,
    or open), of a version of the rack, or empty. `active_from` and `active_until` are when what it brought was in
    production, both None if it never was, the latter None while it is. `subject` RELEASE has `release` and
    `promotion`, and `copy_of` where it went back. `cause` is why it did not end well.
    """

    at: datetime
    subject: Subject
    text: str
    by: str
    reason: str = ""
    status: str = ""
    cause: str = ""
    app: str = ""
    release: str = ""
    copy_of: str = ""
    description: str = ""
    promotion: int = 0
    active_from: datetime | None = None
    active_until: datetime | None = None
    is_active: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A release that was active: since when, and until when if it no longer is. `copy_of` is what it was a copy of."""

    release: str
    description: str
    since: datetime
    until: datetime | None = None
    copy_of: str = ""


async def of_app(rack: Rack, app_name: str, limit: int = DEFAULT_LIMIT) -> Sequence[Entry]:
    """Return what was done to an app, newest first by order; raises NotFound, and InvalidInput for the limit."""
    check_limit(limit)
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        events = await ledger.events.list(app_chain(app.id), limit * EVENTS_EACH)
        attempts = await ledger.promotions.list(app, limit)
        stands = await ledger.promotions.stands(app)
        lines = await ledger.releases.list(app, limit * EVENTS_EACH)
    told = _Told(app_name, attempts, stands, lines)
    return list(told.entries(_bodies(events)))[:limit]


async def of_rack(rack: Rack, limit: int = DEFAULT_LIMIT) -> Sequence[Entry]:
    """Return what was done to the rack: its versions, its parameters, apps that came and went; newest first."""
    check_limit(limit)
    async with rack.store.read() as ledger:
        events = await ledger.events.list(RACK_CHAIN, limit * 2)
    return list(_of_rack(_bodies(events)))[:limit]


async def point(rack: Rack, app_name: str, to: str) -> Point:
    """Return the release that `previous` means, or the one that was active at a time (RFC 3339, aware).

    Raises InvalidInput for what is neither, and NotFound where nothing was active.
    """
    moment = None if to == PREVIOUS else _moment(to)
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        stands = await ledger.promotions.stands(app)
        found = history.previous(stands) if moment is None else history.active_at(stands, moment)
        if found is None:
            raise _nothing(app_name, to)
        release = await ledger.releases.get(app, found.release_id)
    until = next((s.at for s in reversed(stands) if s.promotion_id > found.promotion_id), None)
    return Point(release.id, release.description, found.at, until, release.copy_of or "")


def _moment(text: str) -> datetime:
    hint = "give a time as 2026-11-20T14:05:00Z, or previous"
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidInput(f"to: not a time: {text[:40]!r}", hint=hint) from exc
    if found.tzinfo is None:
        raise InvalidInput("to: a time without its zone", hint=hint)
    return found


def _nothing(app_name: str, to: str) -> NotFound:
    said = "had no other release active before" if to == PREVIOUS else "had no release active then"
    return NotFound(f"{app_name} {said}", hint=f"see what was active when: sternway history -a {app_name}")


def _bodies(events: Iterable[Event]) -> Iterator[Mapping[str, Any]]:
    return (json.loads(event.body) for event in events)


class _Told:
    """What the events of an app come to, with what the ledger knows of its promotions and releases."""

    def __init__(
        self, app: str, attempts: Sequence[Promotion], stands: Sequence[Stand], lines: Sequence[ReleaseLine]
    ) -> None:
        self._app = app
        self._attempts = {(each.release_id, each.made.at.isoformat()): each for each in attempts}
        self._stands = {stand.promotion_id: stand for stand in stands}
        self._until = {old.promotion_id: new.at for new, old in itertools.pairwise(stands)}
        self._active = stands[0].promotion_id if stands else 0
        self._lines = {line.id: line for line in lines}

    def entries(self, bodies: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
        for body in bodies:
            entry = self._entry(body)
            if entry:
                yield replace(entry, app=self._app)

    def _entry(self, body: Mapping[str, Any]) -> Entry | None:
        action, data = body["action"], body["data"]
        if action == "release:promote":
            return self._promotion(body)
        if action == "release:create" and data.get("description", "").startswith("env "):
            return replace(_plain(body, Subject.ENVIRONMENT, data["description"]), release=data["id"])
        return _plain(body, *_OF_APP[action](data)) if action in _OF_APP else None

    def _promotion(self, body: Mapping[str, Any]) -> Entry | None:
        attempt = self._attempts.get((body["data"]["id"], body["at"]))
        if attempt is None:
            return None
        line = self._lines.get(attempt.release_id)
        stand = self._stands.get(attempt.id)
        said = line.description if line else ""
        return Entry(
            at=attempt.made.at,
            subject=Subject.RELEASE,
            text=said if line and line.is_rollback else _forward(said),
            by=attempt.made.by,
            reason=attempt.made.reason,
            status=attempt.status,
            cause=attempt.cause,
            release=attempt.release_id,
            copy_of=(line.copy_of or "") if line else "",
            description=said,
            promotion=attempt.id,
            active_from=stand.at if stand else None,
            active_until=self._until.get(attempt.id),
            is_active=attempt.id == self._active,
        )


def _forward(description: str) -> str:
    return f"promote: {description}" if description else "promote"


def _revealed(data: Mapping[str, str]) -> str:
    return f"values seen of {data['keys']}, {data['before']} to {data['after']}"


_OF_APP: Mapping[str, Callable[[Mapping[str, str]], tuple[Subject, str]]] = {
    "release:scale": lambda data: (Subject.SCALE, f"{data['service']} to {data['count']}"),
    "release:reveal": lambda data: (Subject.OTHER, _revealed(data)),
    "process:run": lambda data: (Subject.OTHER, f"a process of {data['service']} run once, {data['release']}"),
    "process:stop": lambda data: (Subject.OTHER, f"process {data['id']} stopped, for another to take its place"),
    "process:exec": lambda data: (Subject.OTHER, f"a command run in {data['process']}"),
    "process:files:read": lambda data: (Subject.OTHER, f"files copied from {data['process']}"),
    "process:files:write": lambda data: (Subject.OTHER, f"files copied to {data['process']}"),
    "process:files:delete": lambda data: (Subject.OTHER, f"files removed in {data['process']}"),
    "app:update": lambda data: (Subject.SETTINGS, _settings(data)),
    "app:create": lambda data: (Subject.APP, "created"),
    "app:delete": lambda data: (Subject.APP, "deleted"),
    "app:restore": lambda data: (Subject.APP, "restored"),
}
_VERBS = {"app:create": "created", "app:delete": "deleted", "app:restore": "restored"}


def _of_rack(bodies: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield one line for each thing, newest first; of a move, how it ended, and its beginning only if it has not."""
    ended: set[str] = set()
    is_first = True
    for body in bodies:
        data = body["data"]
        match body["action"]:
            case "rack:update" if body["status"] == "start" and data.get("id") in ended:
                continue
            case "rack:update":
                ended.add(data.get("id", ""))
                status = _MOVES[body["status"]]
                is_active = status == "completed" and is_first
                is_first = is_first and not is_active
                entry = _plain(body, Subject.RACK, f"version {data['version']}")
                yield replace(entry, status=status, cause=data.get("cause", ""), is_active=is_active)
            case "app:create" | "app:delete" | "app:restore":
                entry = _plain(body, Subject.APP, f"app {data['app']} {_VERBS[body['action']]}")
                yield replace(entry, app=data["app"])
            case "rack:params":
                yield _plain(body, Subject.SETTINGS, data.get("parameters", ""))
            case action:
                yield _plain(body, Subject.OTHER, _said(action, data))


_MOVES = {"start": "updating", "success": "completed", "error": "reverted"}


def _plain(body: Mapping[str, Any], subject: Subject, text: str) -> Entry:
    at = datetime.fromisoformat(body["at"])
    return Entry(at, subject, text, body["actor"], reason=body["data"].get("reason", ""))


def _settings(data: Mapping[str, str]) -> str:
    shown = [f"{name}={value}" if value else f"{name} unset" for name, value in data.items() if name not in _ASIDE]
    return ", ".join(shown) or "settings"


def _said(action: str, data: Mapping[str, str]) -> str:
    shown = " ".join(f"{name}={value}" for name, value in data.items() if value and name not in _ASIDE)
    return f"{action} {shown}".strip()


_ASIDE = frozenset({"app", "reason"})
