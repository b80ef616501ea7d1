"""The heart: the list of releases, and the way to each of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from sternway.console import failed, live, release_rows, texts, traffic, visit
from sternway.console.visit import Visit
from sternway.core.app import AppStatus
from sternway.core.errors import InvalidInput, NotFound
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.core.release import Part
from sternway.ops import apps, comparison, preview, promotions, releases
from sternway.ops.comparison import Comparison, Pair
from sternway.ops.promotions import Back, PromotionView

LIST_PAUSE_S = 20.0
WATCH_S = 10.0
CHOICES = 50
MAX_NUMBER = 2**62


async def index(seen: Visit) -> Response:
    """List releases, the newest first."""
    return seen.page("releases.html", **await _page(seen))


async def index_live(seen: Visit) -> Response:
    """Keep the list up to date."""
    await apps.get(seen.rack, seen.app)

    async def parts() -> live.Parts:
        return {"releases": seen.part_of_page("parts/releases.html", **await _page(seen))}

    return seen.stream(live.changing(seen.rack.changes, seen.app, parts, LIST_PAUSE_S))


async def show(seen: Visit) -> Response:
    """Show one release: what it is made of, and what would change with it."""
    release = await releases.get(seen.rack, seen.app, seen.part("release"))
    view = await apps.get(seen.rack, seen.app)
    active = await releases.get(seen.rack, seen.app, view.active_id) if view.active_id else None
    found = await _against_active(seen, view.active_id, release.id)
    return seen.page("release.html", view=view, release=release, active=active, compared=found)


async def difference(seen: Visit) -> Response:
    """Show what differs from one release to another; without names, from the one before to the active one."""
    view = await apps.get(seen.rack, seen.app)
    lines = await releases.list_newest(seen.rack, seen.app, CHOICES)
    pair = Pair(seen.asked("before") or None, seen.asked("after") or None)
    found = await comparison.compare(seen.rack, seen.app, pair) if view.active_id or pair.after else None
    return seen.page("difference.html", view=view, compared=found, lines=lines)


async def ask_rollback(seen: Visit) -> Response:
    """Show what going back would change, and ask."""
    view = await apps.get(seen.rack, seen.app)
    release = await releases.get(seen.rack, seen.app, seen.part("release"))
    found = await preview.preview(seen.rack, seen.app, Back(release.id), seen.made())
    return seen.page("rollback.html", view=view, release=release, preview=found, compared=found.differences)


async def ask_promote(seen: Visit) -> Response:
    """Show what promoting would change, and ask."""
    view = await apps.get(seen.rack, seen.app)
    release = await releases.get(seen.rack, seen.app, seen.part("release"))
    found = await _against_active(seen, view.active_id, release.id)
    return seen.page("promote.html", view=view, release=release, compared=found)


async def roll_back(seen: Visit) -> Response:
    """Put a copy on top of the list and promote it; then show how it goes."""
    wanted = seen.part("release")
    part = seen.form.get("part", "")
    if part and part not in set(Part):
        raise InvalidInput(texts.NO_SUCH_PART, hint="")
    back = Back(wanted, Part(part) if part else None, with_settings=seen.form.get("settings") == "true")
    made = seen.reasoned((await apps.get(seen.rack, seen.app)).app)
    _, promotion = await promotions.go_back(seen.rack, seen.app, back, PromotionOptions(), made)
    return visit.to("apps", seen.app, "promotions", promotion.id)


async def promote(seen: Visit) -> Response:
    """Make a release active; then show how it goes."""
    wanted = seen.part("release")
    options = PromotionOptions(force=seen.form.get("force") == "true")
    made = seen.reasoned((await apps.get(seen.rack, seen.app)).app)
    promotion = await promotions.promote(seen.rack, seen.app, wanted, options, made)
    return visit.to("apps", seen.app, "promotions", promotion.id)


async def watch(seen: Visit) -> Response:
    """Show how an attempt goes, step by step."""
    found = await _watched(seen)
    across = await traffic.across(seen.rack, seen.app, found)
    return seen.page("promotion.html", across=across, **await _progress(seen, found))


async def watch_live(seen: Visit) -> Response:
    """Tell each step, until the attempt has ended."""
    await _watched(seen)
    return seen.stream(_steps(seen))


async def undo(seen: Visit) -> Response:
    """Go back to what was active before an attempt."""
    found = (await _watched(seen)).promotion
    before = found.replaces or ""
    made = seen.made(texts.UNDO_REASON.format(id=found.release_id))
    _, promotion = await promotions.rollback(seen.rack, seen.app, before, PromotionOptions(), made)
    return visit.to("apps", seen.app, "promotions", promotion.id)


async def cancel(seen: Visit) -> Response:
    """Stop the attempt that runs."""
    promotion = await promotions.cancel(seen.rack, seen.app, seen.made())
    return visit.to("apps", seen.app, "promotions", promotion.id)


async def _page(seen: Visit) -> Mapping[str, Any]:
    asked = seen.asked("page")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 1
    view = await apps.get(seen.rack, seen.app)
    found = await release_rows.page(seen.rack, seen.app, max(number, 1))
    return {"view": view, "listed": found}


async def _against_active(seen: Visit, active_id: str | None, release_id: str) -> Comparison | None:
    if active_id is None or active_id == release_id:
        return None
    return await comparison.compare(seen.rack, seen.app, Pair(active_id, release_id))


async def _watched(seen: Visit) -> PromotionView:
    number = int(seen.part("promotion"))
    if number > MAX_NUMBER:
        raise NotFound(f"promotion not found: {number}")
    return await promotions.get(seen.rack, seen.app, number)


async def _progress(seen: Visit, found: PromotionView) -> Mapping[str, Any]:
    promotion = found.promotion
    release = await releases.get(seen.rack, seen.app, promotion.release_id)
    is_newest = next(iter(await promotions.list_newest(seen.rack, seen.app, 1))).id == promotion.id
    view = await apps.get(seen.rack, seen.app)
    is_done = promotion.status is PromotionStatus.COMPLETED
    return {
        "view": replace(view, status=AppStatus.RUNNING) if is_newest and not promotion.status.is_open else view,
        "promotion": promotion,
        "steps": found.steps,
        "release": release,
        "can_undo": is_newest and is_done and promotion.replaces is not None,
        **await failed.shown(seen.rack, seen.app, promotion),
        "took_s": (promotion.status_at - promotion.made.at).total_seconds() if promotion.status_at else 0.0,
    }


async def _steps(seen: Visit) -> Any:
    """Yield how it goes with each new step, and `done` at its end: nothing more comes then."""
    known = -1
    while not seen.rack.changes.is_over:
        wait_s = WATCH_S if known >= 0 else 0.0
        number = int(seen.part("promotion"))
        found = await promotions.wait(seen.rack, seen.app, number, after=max(known, 0), timeout_s=wait_s)
        is_over = not found.promotion.status.is_open
        known = len(found.steps)
        values = await _progress(seen, found)
        for name in ("state", "progress", "failed"):
            yield live.Event(name, seen.part_of_page(f"parts/{name}.html", **values))
        if is_over:
            yield live.Event("done", "")
            return
