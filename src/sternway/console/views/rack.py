"""The rack itself: its versions and the way between them, its parameters, what runs of it."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from sternway.console import live, visit
from sternway.console.visit import Visit
from sternway.ops import capacity, parameters, system, versions
from sternway.ops.changes import RACK
from sternway.ops.examination import Wish

OFFERED = 10


async def show(seen: Visit) -> Response:
    """Show versions, capacity, parameters and processes."""
    return seen.page("rack.html", capacity=await capacity.measure(seen.rack), **await _described(seen))


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
    """Set parameters of the rack."""
    wanted = {name: value for name, value in seen.form.items() if name in parameters.KNOWN}
    await parameters.set(seen.rack, wanted, seen.made())
    return visit.to("rack")


def _wish(fields: Mapping[str, str]) -> Wish:
    accepts = fields.get("accept-export") == "true"
    return Wish(fields.get("version", ""), force=fields.get("force") == "true", accept_export=accepts)


async def _described(seen: Visit) -> Mapping[str, Any]:
    return {
        "described": await system.describe(seen.rack),
        "history": await versions.history(seen.rack, with_attempts=True),
        "parameters": await parameters.get(seen.rack),
        "processes": await system.processes(seen.rack),
    }
