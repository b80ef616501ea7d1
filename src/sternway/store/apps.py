"""Apps and their settings in the ledger."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from sternway.core import errors
from sternway.core.app import App, Made, Settings
from sternway.store import records
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import app_deletions, app_dismantlings, app_settings, apps


@dataclass(frozen=True, slots=True)
class SqlApps:
    """Fills `ports.Apps`."""

    transaction: Transaction

    async def add(self, name: str, made: Made) -> App:
        """Insert an app; there is one writer at a time, so what is checked here stays true until the commit."""
        if await self.transaction.row(_named(), name=name):
            raise errors.Conflict(f"app already exists: {name}", hint="choose another name")
        id = await self.transaction.insert(apps, {"name": name} | made_values(made))
        return App(id, name, made)

    async def get(self, name: str) -> App:
        """Return the app that has this name now."""
        row = await self.transaction.row(_named(), name=name)
        if row is None:
            raise errors.NotFound(f"app not found: {name}", hint="see the names: sternway apps")
        return app_of(row)

    async def list(self) -> Sequence[App]:
        """Return all that are not deleted, by name."""
        return [app_of(row) for row in await self.transaction.rows(_present().order_by(apps.c.name))]

    async def list_deleted(self) -> Sequence[App]:
        """Return the deleted ones that were not recorded as dismantled, by id."""
        return [app_of(row) for row in await self.transaction.rows(_to_dismantle())]

    async def delete(self, app: App, made: Made) -> None:
        """Record the deletion, once."""
        await self._record_once(app_deletions, app, made)

    async def record_dismantled(self, app: App, made: Made) -> None:
        """Record that nothing of it runs any more, once."""
        await self._record_once(app_dismantlings, app, made)

    async def set(self, app: App, settings: Settings, made: Made) -> App:
        """Record settings as a whole."""
        values = {"is_locked": settings.locked, "parameters": settings.parameters, "scale": settings.scale}
        await self.transaction.insert(app_settings, {"app_id": app.id} | values | made_values(made))
        return replace(app, settings=settings)

    async def _record_once(self, table: sa.Table, app: App, made: Made) -> None:
        if not await self.transaction.row(sa.select(table.c.app_id).where(table.c.app_id == app.id)):
            await self.transaction.insert(table, {"app_id": app.id} | made_values(made))


def made_values(made: Made) -> dict[str, Any]:
    """Return who, when and why as columns."""
    return {"made_at": made.at, "made_by": made.by, "made_reason": made.reason}


def made_of(row: sa.Row[*tuple[Any, ...]]) -> Made:
    """Read who, when and why."""
    return Made(row.made_at, row.made_by, row.made_reason)


def with_settings() -> Statement:
    """All apps, deleted or not, each with its newest settings."""
    newest = records.newest(app_settings, "app_id", apps.c.id)
    return sa.select(
        apps,
        app_settings.c.is_locked,
        app_settings.c.parameters,
        app_settings.c.scale,
        app_deletions.c.app_id.label("deleted_id"),
    ).select_from(
        apps.outerjoin(app_settings, app_settings.c.id == newest).outerjoin(
            app_deletions, app_deletions.c.app_id == apps.c.id
        )
    )


def _present() -> Statement:
    """Apps that are not deleted."""
    return with_settings().where(app_deletions.c.app_id.is_(None))


@functools.cache
def _named() -> Statement:
    """The app that has a name now; deleted ones may have had it before."""
    return _present().where(apps.c.name == sa.bindparam("name"))


def _to_dismantle() -> Statement:
    """Deleted apps whose processes may still run."""
    gone = sa.exists().where(app_dismantlings.c.app_id == app_deletions.c.app_id)
    return with_settings().where(app_deletions.c.app_id.is_not(None), ~gone).order_by(apps.c.id)


def app_of(row: sa.Row[*tuple[Any, ...]]) -> App:
    """Read an app; one without settings has the default ones."""
    settings = Settings() if row.is_locked is None else Settings(row.is_locked, row.parameters, row.scale)
    return App(row.id, row.name, made_of(row), settings, is_deleted=row.deleted_id is not None)
