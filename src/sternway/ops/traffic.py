"""Use cases of what was asked of apps: how often, with what result, and how fast they answered."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sternway.core.app import App
from sternway.core.traffic import Grain, Series
from sternway.ops.rack import Rack


async def of_app(rack: Rack, app_name: str, grain: Grain) -> Series:
    """Return what the router counted of an app. Raises NotFound, RouterUnavailable."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
    return (await of_apps(rack, [app], grain))[app.name]


async def of_apps(rack: Rack, apps: Iterable[App], grain: Grain) -> Mapping[str, Series]:
    """Return what the router counted of these apps, by name. Raises RouterUnavailable.

    What it counted of an app of the same name that was deleted before is not theirs.
    """
    made_at = {app.name: app.made.at.timestamp() for app in apps}
    counted = await rack.traffic.counted(made_at, grain)
    return {name: _since(series, made_at[name]) for name, series in counted.items()}


def _since(series: Series, at: float) -> Series:
    return replace(series, known_from=max(series.known_from, at - at % series.grain.step_s))
