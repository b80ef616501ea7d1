"""The environment: names with their values hidden, and a change that is shown before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core import difference, environment
from sternway.core.environment import Environment
from sternway.core.errors import Conflict, InvalidInput
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.ops import apps, promotions, releases
from sternway.ops.apps import AppView
from sternway.ops.releases import ReleaseRequest

ACTIVE = "active"
_NOT_ACTIVE = (PromotionStatus.REVERTING, PromotionStatus.REVERTED, PromotionStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a change begins at: the newest release, as it does for the command line.

    `parent` is empty for an app without one. `failed` is how the last attempt to make it active went, if it did not
    stay; `begin` is ACTIVE where somebody chose to begin at the active release all the same.
    """

    view: AppView
    parent: str
    environment: Environment
    failed: Promotion | None = None
    begin: str = ""

    def values(self) -> Mapping[str, Any]:
        """Return it for a page."""
        return {name: getattr(self, name) for name in ("view", "parent", "environment", "failed", "begin")}


async def show(seen: Visit) -> Response:
    """Show the variables, and a form to change them."""
    return seen.page("environment.html", **(await _ground(seen)).values())


async def review(seen: Visit) -> Response:
    """Show what would change, by name; nothing is done."""
    ground = await _ground(seen)
    after = _changed(ground.environment, seen.form)
    _require_difference(ground.environment, after)
    found = difference.environments(ground.environment, after)
    return seen.page("environment_review.html", **ground.values(), found=found, form=seen.form)


async def save(seen: Visit) -> Response:
    """Make a release of it; it is not active yet, and the next page asks whether it is to be."""
    ground = await _ground(seen)
    if seen.form.get("parent", "") != ground.parent:
        raise Conflict(texts.ENV_CHANGED_MEANWHILE, hint=texts.ENV_CHANGED_MEANWHILE_HINT)
    after = _changed(ground.environment, seen.form)
    _require_difference(ground.environment, after)
    request = ReleaseRequest(env_text=after.text(), parent_id=ground.parent or None)
    made = await releases.create(seen.rack, seen.app, request, seen.reasoned(ground.view.app))
    verb = ["promote"] if made.build_id else []
    return visit.to("apps", seen.app, "releases", made.id, *verb)


async def _ground(seen: Visit) -> Ground:
    """Return the newest release, or the active one where that was asked for."""
    view = await apps.get(seen.rack, seen.app)
    if view.active_id and ACTIVE in (seen.asked("begin"), seen.form.get("begin")):
        active = await releases.get(seen.rack, seen.app, view.active_id)
        return Ground(view, active.id, active.environment, begin=ACTIVE)
    line = next(iter(await releases.list_newest(seen.rack, seen.app, 1)), None)
    if line is None:
        return Ground(view, "", Environment())
    newest = await releases.get(seen.rack, seen.app, line.id)
    return Ground(view, newest.id, newest.environment, await _failed(seen, newest.id))


async def _failed(seen: Visit, release_id: str) -> Promotion | None:
    attempt = (await promotions.of_releases(seen.rack, seen.app, [release_id])).get(release_id)
    return attempt if attempt and attempt.status in _NOT_ACTIVE else None


def _changed(before: Environment, form: Mapping[str, str]) -> Environment:
    """Return the environment with what the form sets and removes; raises InvalidInput."""
    removed = set(form.get("remove", "").split("\n"))
    written = environment.parse(form.get("set", "").replace("\r\n", "\n"))
    kept = {key: value for key, value in before.items() if key not in removed}
    return Environment(kept | dict(written))


def _require_difference(before: Environment, after: Environment) -> None:
    if before == after:
        raise InvalidInput(texts.ENV_SAME, hint=texts.ENV_SAME_HINT)
