"""The settings of an app: its parameters, its scale, its lock; the domains as the manifest has them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from sternway.console import declared, fields, texts, visit
from sternway.console.visit import Visit
from sternway.core.errors import InvalidInput
from sternway.ops import apps, processes, releases
from sternway.ops.apps import AppView

SCALE = "scale."
"""What the names of the fields for scale begin with; the service follows."""
NEW_NAME = "new-name"
NEW_VALUE = "new-value"


async def show(seen: Visit) -> Response:
    """Show what is set, and forms to change it."""
    return seen.page("settings.html", **await _described(seen, {}, {}))


async def save(seen: Visit) -> Response:
    """Set parameters; what cannot be set is told at its field, and nothing is changed then."""
    view = await apps.get(seen.rack, seen.app)
    typed = _typed(seen.form)
    problems = fields.problems(typed, apps.check_parameter)
    if problems:
        return seen.page("settings.html", status=HTTPStatus.BAD_REQUEST, **await _described(seen, typed, problems))
    before = view.parameters()
    changed = {name: value for name, value in typed.items() if value != before.get(name, "")}
    if changed:
        await apps.update(seen.rack, seen.app, seen.reasoned(view.app), parameters=changed)
    return visit.to("apps", seen.app, "settings")


async def lock(seen: Visit) -> Response:
    """Lock the app, or unlock it."""
    view = await apps.get(seen.rack, seen.app)
    await apps.update(seen.rack, seen.app, seen.reasoned(view.app), lock=seen.form.get("lock") == "yes")
    return visit.to("apps", seen.app, "settings")


async def scale(seen: Visit) -> Response:
    """Set how many processes services have; all counts are looked at before the first is set."""
    view = await apps.get(seen.rack, seen.app)
    counts = {name.removeprefix(SCALE): _count(text) for name, text in seen.form.items() if name.startswith(SCALE)}
    now = _scale(view, await _declared(seen, view))
    made = seen.reasoned(view.app)
    for service, count in counts.items():
        if count != now.get(service):
            await processes.scale(seen.rack, seen.app, service, count, made)
    return visit.to("apps", seen.app, "settings")


def _typed(form: Mapping[str, str]) -> Mapping[str, str]:
    name, value = form.get(NEW_NAME, "").strip(), form.get(NEW_VALUE, "").strip()
    return {**fields.typed(form), **({name: value} if name else {})}


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise InvalidInput(texts.NOT_A_COUNT, hint=texts.NOT_A_COUNT_HINT)
    return int(text)


def _scale(view: AppView, found: declared.Declared) -> Mapping[str, int]:
    """Return how many processes each service that is declared is to have."""
    return {each.name: view.app.settings.scale.get(each.name, each.count) for each in found.services}


async def _declared(seen: Visit, view: AppView) -> declared.Declared:
    return declared.of(await releases.get(seen.rack, seen.app, view.active_id) if view.active_id else None)


async def _described(seen: Visit, typed: Mapping[str, str], problems: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what the page shows; what was typed stands in place of what is set."""
    view = await apps.get(seen.rack, seen.app)
    stored = {**dict.fromkeys(apps.KNOWN, ""), **view.app.settings.parameters, **typed}
    shown = {name: value for name, value in stored.items() if value or name in apps.KNOWN or name in problems}
    found = [fields.known(name, value, problems.get(name, "")) for name, value in shown.items()]
    release = await _declared(seen, view)
    return {
        "view": view,
        "fields": found,
        "problem_count": len(problems),
        "declared": release,
        "scale": _scale(view, release),
    }
