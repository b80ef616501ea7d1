"""The first page with all apps, and the page of one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sternway.console import declared, live, release_rows, texts, traffic, visit
from sternway.console.traffic import Hour
from sternway.console.visit import Visit
from sternway.core.access import Role
from sternway.core.app import Made
from sternway.core.errors import InvalidInput, SternwayError
from sternway.core.formation import Health
from sternway.core.promotion import Promotion
from sternway.ops import apps, capacity, processes, promotions, releases, system
from sternway.ops.apps import AppView
from sternway.ops.capacity import Use
from sternway.ops.changes import RACK
from sternway.ops.processes import ProcessView, ServiceView

ENGINE_WAIT_S = 2.0
USE_WAIT_S = 0.5
TOP_RELEASES = 8


@dataclass(frozen=True, slots=True)
class AppCard:
    """An app on the first page, with the last attempt to make a release active, and what was asked of it lately.

    `use` is what it uses of the machine, None where the engine does not say so at once.
    """

    view: AppView
    latest: Promotion | None
    hour: Hour | None
    use: Use | None


@dataclass(frozen=True, slots=True)
class ServiceCard:
    """A service with its processes, those that serve first; `target` is None for one that is not active now."""

    name: str
    target: ServiceView | None
    processes: Sequence[ProcessView]

    @property
    def healthy(self) -> int:
        """Return how many of those in traffic are healthy."""
        serving = [each for each in self.processes if not (each.stands_by or each.is_one_off)]
        return sum(each.state.health is Health.HEALTHY for each in serving)


async def index(seen: Visit) -> Response:
    """Show all apps that this visitor may see."""
    return seen.page("apps.html", described=await system.describe(seen.rack), **await _cards(seen))


async def index_live(seen: Visit) -> Response:
    """Keep the list of apps up to date."""

    async def parts() -> live.Parts:
        return {"apps": seen.part_of_page("parts/apps.html", **await _cards(seen))}

    return seen.stream(live.changing(seen.rack.changes, RACK, parts))


async def show(seen: Visit) -> Response:
    """Show what an app is, what of it runs, and its newest releases."""
    values = await _overview(seen)
    return seen.page("app.html", declared=declared.of(values["active"]), **values)


async def show_live(seen: Visit) -> Response:
    """Keep the page of an app up to date."""
    await apps.get(seen.rack, seen.app)

    async def parts() -> live.Parts:
        values = await _overview(seen)
        names = ("state", "traffic", "services", "newest")
        return {name: seen.part_of_page(f"parts/{name}.html", **values) for name in names}

    return seen.stream(live.changing(seen.rack.changes, seen.app, parts))


async def scale(seen: Visit) -> Response:
    """Set how many processes a service has."""
    count = seen.form.get("count", "")
    if not (count.isascii() and count.isdigit() and len(count) < 5):
        raise InvalidInput(texts.NOT_A_COUNT, hint=texts.NOT_A_COUNT_HINT)
    await processes.scale(seen.rack, seen.app, seen.part("service"), int(count), await _made(seen))
    return visit.to("apps", seen.app)


async def restart(seen: Visit) -> Response:
    """Restart the processes of a service, one after the other."""
    await processes.restart(seen.rack, seen.app, seen.part("service"), await _made(seen))
    return visit.to("apps", seen.app)


async def stop_process(seen: Visit) -> Response:
    """Stop a process; its place is filled again."""
    await processes.stop(seen.rack, seen.app, seen.part("process"), await _made(seen))
    return visit.to("apps", seen.app)


async def ask_restart(seen: Visit) -> Response:
    """Ask why a service is restarted, where the app has people asked."""
    return await _ask(seen, texts.RESTART, texts.RESTART_OF.format(service=seen.part("service")))


async def ask_stop(seen: Visit) -> Response:
    """Ask why a process is stopped, where the app has people asked."""
    return await _ask(seen, texts.STOP, texts.STOP_PROCESS.format(id=seen.part("process")))


async def _ask(seen: Visit, verb: str, title: str) -> Response:
    """Show the form that is sent to the address that it is at."""
    return seen.page("ask.html", view=await apps.get(seen.rack, seen.app), verb=verb, title=title)


async def _made(seen: Visit) -> Made:
    return seen.reasoned((await apps.get(seen.rack, seen.app)).app)


async def _cards(seen: Visit) -> Mapping[str, Any]:
    views = [view for view in await apps.list_all(seen.rack) if seen.may(Role.VIEWER, view.app.name)]
    hours = await traffic.hours(seen.rack, [view.app for view in views])
    uses = {use.app: use for use in (await capacity.measure(seen.rack, USE_WAIT_S)).uses}
    return {"cards": [await _app_card(seen, view, hours, uses) for view in views]}


async def _app_card(seen: Visit, view: AppView, hours: Mapping[str, Hour], uses: Mapping[str, Use]) -> AppCard:
    name = view.app.name
    return AppCard(view, await _latest(seen, name), hours.get(name), uses.get(name))


async def _latest(seen: Visit, app_name: str) -> Promotion | None:
    return next(iter(await promotions.list_newest(seen.rack, app_name, 1)), None)


async def _overview(seen: Visit) -> Mapping[str, Any]:
    view = await apps.get(seen.rack, seen.app)
    services, problem = await _services(seen)
    active = await releases.get(seen.rack, seen.app, view.active_id) if view.active_id else None
    asked = await traffic.now(seen.rack, seen.app)
    return {
        "view": view,
        "latest": await _latest(seen, seen.app),
        "active": active,
        "services": services,
        "problem": problem,
        "traffic": asked,
        "takes_requests": bool(problem) or _takes_requests(services) or (asked and asked.five.requests),
        "router_port": seen.rack.settings.router_port,
        "newest": (await release_rows.page(seen.rack, seen.app, size=TOP_RELEASES)).rows,
    }


def _takes_requests(services: Sequence[ServiceCard]) -> bool:
    return any(card.target and card.target.target.hosts for card in services)


async def _services(seen: Visit) -> tuple[Sequence[ServiceCard], str]:
    """Return the services, or why nothing is known of them: what runs is unknown then, and not nothing."""
    try:
        async with asyncio.timeout(ENGINE_WAIT_S):
            targets = await processes.services(seen.rack, seen.app)
            running = await processes.list_measured(seen.rack, seen.app)
    except TimeoutError:
        return [], texts.ENGINE_SLOW
    except SternwayError as exc:
        return [], exc.message
    names = dict.fromkeys([*(each.name for each in targets), *(each.service for each in running)])
    by_name = {each.name: each for each in targets}
    return [_card(name, by_name.get(name), running) for name in names], ""


def _card(name: str, target: ServiceView | None, running: Sequence[ProcessView]) -> ServiceCard:
    own = [each for each in running if each.service == name]
    return ServiceCard(name, target, sorted(own, key=lambda each: (each.stands_by, each.is_one_off)))
