"""The rack itself: its versions and the way between them, its parameters, what runs of it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from sternway.console import fields, live, visit
from sternway.console.visit import Visit
from sternway.ops import capacity, parameters, system, versions
from sternway.ops.changes import RACK
from sternway.ops.examination import Wish

OFFERED = 10


async def show(seen: Visit) -> Response:
    """Show versions, capacity, parameters and processes."""
    return seen.page("rack.html", **await _whole(seen))


async def show_live(seen: Visit) -> Response:
    """Keep versions and capacity up to date."""

    async def parts() -> live.Parts:
        used = await capacity.measure(seen.rack)
        return {
            "versions": seen.part_of_page("parts/versions.html", **await _described(seen)),
            "capacity": seen.part_of_page("parts/capacity.html", capacity=used),
        }

    return seen.stream(live.changing(seen.rack.changes, RACK, parts))


async def ask_update(seen: Visit) -> Response:
    """Show what can be found out about a move to another version, and ask."""
    wish = _wish(seen.request.query_params)
    checks = await versions.check(seen.rack, wish)
    is_possible = all(check.problem is None for check in checks)
    return seen.page("rack_update.html", wish=wish, checks=checks, is_possible=is_possible)


async def update(seen: Visit) -> Response:
    """Have the rack moved; it goes on after the answer."""
    await versions.update(seen.rack, _wish(seen.form), seen.made())
    return visit.to("rack")


async def set_parameters(seen: Visit) -> Response:
    """Set parameters of the rack; what cannot be set is told at its field, and nothing is changed then."""
    typed = fields.typed(seen.form)
    problems = fields.problems(typed, parameters.check)
    if problems:
        return seen.page("rack.html", status=HTTPStatus.BAD_REQUEST, **await _whole(seen, typed, problems))
    await parameters.set(seen.rack, typed, seen.made())
    return visit.to("rack")


def _wish(fields: Mapping[str, str]) -> Wish:
    accepts = fields.get("accept-export") == "true"
    return Wish(fields.get("version", ""), force=fields.get("force") == "true", accept_export=accepts)


async def _whole(
    seen: Visit, typed: Mapping[str, str] | None = None, problems: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    used = await capacity.measure(seen.rack)
    return {"capacity": used, **await _described(seen), **await _parameters(seen, typed or {}, problems or {})}


async def _described(seen: Visit) -> Mapping[str, Any]:
    return {
        "described": await system.describe(seen.rack),
        "history": await versions.history(seen.rack, with_attempts=True),
        "processes": await system.processes(seen.rack),
    }


async def _parameters(seen: Visit, typed: Mapping[str, str], problems: Mapping[str, str]) -> Mapping[str, Any]:
    values = {**await parameters.get(seen.rack), **typed}
    found = [fields.known(name, value, problems.get(name, "")) for name, value in values.items()]
    return {"fields": found, "problem_count": len(problems)}
