"""Use cases of apps: create, look at, set, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sternway.core import difference, standby
from sternway.core.app import ASK_REASON, App, AppStatus, Made, Settings
from sternway.core.errors import Conflict, InvalidInput, NotFound
from sternway.core.event import RACK_CHAIN, Happening, app_chain
from sternway.core.names import check_app_name
from sternway.core.promotion import status_of_app
from sternway.ops.rack import Rack
from sternway.ports import Ledger

PARAMETER_MAX_BYTES = 4096
DEFAULTS: Mapping[str, str] = {standby.PARAMETER: standby.DEFAULT}
"""The parameters of an app that mean something to the rack, and what holds until they are set."""
KNOWN = (standby.PARAMETER, ASK_REASON)
"""Those that mean something to somebody; whatever else is set is kept for clients that do."""


@dataclass(frozen=True, slots=True)
class AppView:
    """An app as clients see it; `active_id` is the release that is active, if one is."""

    app: App
    status: AppStatus
    active_id: str | None

    def parameters(self) -> dict[str, str]:
        """Return what is set for the app, and what holds where nothing is."""
        stored = {name: value for name, value in self.app.settings.parameters.items() if value or name not in DEFAULTS}
        return {**DEFAULTS, **stored}


async def create(rack: Rack, name: str, made: Made) -> AppView:
    """Make an empty app.

    Raises InvalidInput for its name, and Conflict if there is one of that name, or was one that is not yet
    taken down: what it leaves belongs to nobody else.
    """
    check_app_name(name)
    async with rack.store.write() as ledger:
        if await _leaving(ledger, name):
            raise Conflict(f"app {name} is still being deleted", hint="try again in a moment")
        app = await ledger.apps.add(name, made)
        await record(ledger, app, Happening("app:create", made.by, made.at, detail=_why(made)))
    rack.changes.notify(name)
    return AppView(app, AppStatus.RUNNING, None)


async def get(rack: Rack, name: str) -> AppView:
    """Return the app, as DELETING while it is taken down; raises NotFound."""
    async with rack.store.read() as ledger:
        try:
            return await _view(rack, ledger, await ledger.apps.get(name))
        except NotFound:
            leaving = await _leaving(ledger, name)
            if leaving is None:
                raise
            return AppView(leaving, AppStatus.DELETING, None)


async def list_all(rack: Rack) -> Sequence[AppView]:
    """Return all apps by name."""
    async with rack.store.read() as ledger:
        return [await _view(rack, ledger, app) for app in await ledger.apps.list()]


async def update(
    rack: Rack, name: str, made: Made, *, lock: bool | None = None, parameters: Mapping[str, str] | None = None
) -> AppView:
    """Lock or unlock the app, and merge parameters into its own; what is None stays."""
    for key, value in (parameters or {}).items():
        check_parameter(key, value)
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(name)
        settings = replace(
            app.settings,
            locked=app.settings.locked if lock is None else lock,
            parameters={**app.settings.parameters, **(parameters or {})},
        )
        app = await set_all(ledger, app, settings, made)
        view = await _view(rack, ledger, app)
    rack.changes.notify(name)
    return view


async def set_all(ledger: Ledger, app: App, settings: Settings, made: Made) -> App:
    """Record new settings and what they change, in the caller's transaction; nothing, if they change nothing."""
    changes = difference.settings(app.settings, settings)
    if not changes:
        return app
    said = {change.name: change.after if change.after is not None else "" for change in changes}
    await record(ledger, app, Happening("app:update", made.by, made.at, detail={**said, **_why(made)}))
    return await ledger.apps.set(app, settings, made)


async def delete(rack: Rack, name: str, made: Made) -> None:
    """Delete the app: its processes and routes are taken down, its history stays in the ledger.

    Raises NotFound, and Conflict (`app is locked: NAME`).
    """
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(name)
        if app.settings.locked:
            raise Conflict(f"app is locked: {name}", hint=f"sternway apps unlock {name}")
        await ledger.apps.delete(app, made)
        await record(ledger, app, Happening("app:delete", made.by, made.at, detail=_why(made)))
    rack.changes.notify(name)


async def record(ledger: Ledger, app: App, happening: Happening) -> None:
    """Append to the chain of the app; what makes or ends an app also goes to the rack's."""
    named = replace(happening, detail={"app": app.name, **(happening.detail or {})})
    await ledger.events.append(app_chain(app.id), named)
    if happening.action in ("app:create", "app:delete", "app:restore"):
        await ledger.events.append(RACK_CHAIN, named)


async def _leaving(ledger: Ledger, name: str) -> App | None:
    """Return the app of that name that was deleted and is not yet taken down."""
    return next((app for app in await ledger.apps.list_deleted() if app.name == name), None)


async def _view(rack: Rack, ledger: Ledger, app: App) -> AppView:
    latest = await ledger.promotions.latest(app)
    return AppView(app, status_of_app(latest, rack.clock.now()), await ledger.promotions.active_id(app))


def check_parameter(name: str, value: str) -> None:
    """Raise InvalidInput for a parameter of an app that cannot be set; an empty value is what holds by itself."""
    if not name or len(name) + len(value) > PARAMETER_MAX_BYTES:
        raise InvalidInput("parameters: an empty name or too long a value", hint="give Name=value pairs")
    if name == standby.PARAMETER and value:
        standby.read(value)


def _why(made: Made) -> Mapping[str, str]:
    return {"reason": made.reason} if made.reason else {}
