"""What was done to an app or the rack, and the way back to a moment."""

from collections.abc import Sequence

from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core.errors import InvalidInput
from sternway.ops import apps, history
from sternway.ops.history import Entry, Subject

LISTED = 100


async def of_app(seen: Visit) -> Response:
    """Show what was done to an app, the newest first."""
    view, wanted = await apps.get(seen.rack, seen.app), _subject(seen)
    entries = _narrowed(await history.of_app(seen.rack, seen.app, LISTED), wanted)
    return seen.page("history.html", view=view, entries=entries, wanted=wanted, subjects=list(Subject))


async def of_rack(seen: Visit) -> Response:
    """Show what was done to the rack, the newest first."""
    entries = await history.of_rack(seen.rack, LISTED)
    return seen.page("rack_history.html", entries=entries)


async def at(seen: Visit) -> Response:
    """Lead to the way back to what was active at a moment; the form gives it in UTC."""
    asked = seen.asked("at")
    if not asked:
        raise InvalidInput(texts.NOT_A_MOMENT, hint=texts.NOT_A_MOMENT_HINT)
    moment = asked if asked.endswith("Z") or "+" in asked else f"{asked}+00:00"
    found = await history.point(seen.rack, seen.app, moment)
    return visit.to("apps", seen.app, "releases", found.release, "rollback")


def _subject(seen: Visit) -> str:
    asked = seen.asked("subject")
    return asked if asked in set(Subject) else ""


def _narrowed(entries: Sequence[Entry], wanted: str) -> Sequence[Entry]:
    return [entry for entry in entries if not wanted or entry.subject == wanted]
