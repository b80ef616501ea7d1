"""The environment: names with their values hidden, and a change that is shown before it is made."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core import environment
from sternway.core.environment import Environment
from sternway.core.errors import Conflict, InvalidInput
from sternway.core.release import Release
from sternway.ops import apps, releases
from sternway.ops.releases import ReleaseRequest


async def show(seen: Visit) -> Response:
    """Show the variables of the newest release, and a form to change them."""
    return seen.page("environment.html", **await _newest(seen))


async def review(seen: Visit) -> Response:
    """Show what would change, by name; nothing is done."""
    newest = await _newest(seen)
    after = _changed(newest["environment"], seen.form)
    _require_difference(newest["environment"], after)
    return seen.page("environment_review.html", **newest, **_difference(newest["environment"], after), form=seen.form)


async def save(seen: Visit) -> Response:
    """Make a release of it; it is not active yet, and the next page asks whether it is to be."""
    newest = await _newest(seen)
    if seen.form.get("parent", "") != newest["parent"]:
        raise Conflict(texts.ENV_CHANGED_MEANWHILE, hint=texts.ENV_CHANGED_MEANWHILE_HINT)
    after = _changed(newest["environment"], seen.form)
    _require_difference(newest["environment"], after)
    made = await releases.create(seen.rack, seen.app, ReleaseRequest(env_text=after.text()), seen.made())
    verb = "promote" if made.build_id else ""
    return visit.to("apps", seen.app, "releases", made.id, *filter(None, [verb]))


async def _newest(seen: Visit) -> Mapping[str, Any]:
    view = await apps.get(seen.rack, seen.app)
    line = next(iter(await releases.list_newest(seen.rack, seen.app, 1)), None)
    newest: Release | None = await releases.get(seen.rack, seen.app, line.id) if line else None
    return {
        "view": view,
        "parent": newest.id if newest else "",
        "environment": newest.environment if newest else Environment(),
    }


def _changed(before: Environment, form: Mapping[str, str]) -> Environment:
    """Return the environment with what the form sets and removes; raises InvalidInput."""
    removed = set(form.get("remove", "").split("\n"))
    written = environment.parse(form.get("set", "").replace("\r\n", "\n"))
    kept = {key: value for key, value in before.items() if key not in removed}
    return Environment(kept | dict(written))


def _require_difference(before: Environment, after: Environment) -> None:
    if before == after:
        raise InvalidInput(texts.ENV_SAME, hint=texts.ENV_SAME_HINT)


def _difference(before: Environment, after: Environment) -> Mapping[str, Any]:
    return {
        "added": [key for key in after if key not in before],
        "changed": [key for key in after if key in before and after[key] != before[key]],
        "removed": [key for key in before if key not in after],
    }
