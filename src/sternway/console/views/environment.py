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
from sternway.core.promotion import PromotionStatus
from sternway.ops import apps, promotions, releases
from sternway.ops.apps import AppView
from sternway.ops.releases import ReleaseRequest

_NOT_ACTIVE = (PromotionStatus.REVERTING, PromotionStatus.REVERTED, PromotionStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a change begins at. `parent` is a release, empty for an app without one; `newest_id` is the newest."""

    view: AppView
    parent: str
    environment: Environment
    newest_id: str

    def values(self) -> Mapping[str, Any]:
        """Return it for a page."""
        return {name: getattr(self, name) for name in ("view", "parent", "environment", "newest_id")}


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
    made = await releases.create(seen.rack, seen.app, request, seen.made())
    verb = ["promote"] if made.build_id else []
    return visit.to("apps", seen.app, "releases", made.id, *verb)


async def _ground(seen: Visit) -> Ground:
    """Return the newest release, or the active one where the newest was tried and did not stay."""
    view = await apps.get(seen.rack, seen.app)
    line = next(iter(await releases.list_newest(seen.rack, seen.app, 1)), None)
    if line is None:
        return Ground(view, "", Environment(), "")
    is_bad = view.active_id is not None and await _did_not_stay(seen, line.id)
    parent = await releases.get(seen.rack, seen.app, (view.active_id or "") if is_bad else line.id)
    return Ground(view, parent.id, parent.environment, line.id)


async def _did_not_stay(seen: Visit, release_id: str) -> bool:
    latest = next(iter(await promotions.list_newest(seen.rack, seen.app, 1)), None)
    is_last = latest is not None and latest.release_id == release_id
    return is_last and latest is not None and latest.status in _NOT_ACTIVE


def _changed(before: Environment, form: Mapping[str, str]) -> Environment:
    """Return the environment with what the form sets and removes; raises InvalidInput."""
    removed = set(form.get("remove", "").split("\n"))
    written = environment.parse(form.get("set", "").replace("\r\n", "\n"))
    kept = {key: value for key, value in before.items() if key not in removed}
    return Environment(kept | dict(written))


def _require_difference(before: Environment, after: Environment) -> None:
    if before == after:
        raise InvalidInput(texts.ENV_SAME, hint=texts.ENV_SAME_HINT)
