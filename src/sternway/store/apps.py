"""Apps and their settings in the ledger.

An app is deleted once by a row of `app_deletions`, and taken down by one of `app_dismantlings`. From the first time
that it is restored, the newest row of `app_standings` says how it stands.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sternway import ports
from sternway.core import errors
from sternway.core.app import App, Made, Settings
from sternway.core.history import SettingsLine
from sternway.store import records
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import app_deletions, app_dismantlings, app_settings, app_standings, apps


class _Standing(StrEnum):
    RESTORING = "restoring"
    RESTORED = "restored"
    DELETED = "deleted"
    DISMANTLED = "dismantled"


_IS_GONE = (_Standing.DELETED, _Standing.DISMANTLED)


@dataclass(frozen=True, slots=True)
class SqlApps:
    """Fills `ports.Apps`."""

    transaction: Transaction

    async def add(self, name: str, made: Made) -> App:
        """Insert an app; there is one writer at a time, so what is checked here stays true until the commit."""
        if await self.transaction.row(_named(), name=name):
            raise errors.Conflict(f"app already exists: {name}", hint="choose another name")
        if await self.transaction.row(_restoring(), name=name):
            raise errors.Conflict(f"app {name} is being restored", hint=f"finish it: sternway apps restore {name}")
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
        if standing := await self._standing(app):
            return await self._stand(app, _Standing.DELETED, made, unless=standing in _IS_GONE)
        await self._record_once(app_deletions, app, made)

    async def record_dismantled(self, app: App, made: Made) -> None:
        """Record that nothing of it runs any more, once."""
        if standing := await self._standing(app):
            return await self._stand(app, _Standing.DISMANTLED, made, unless=standing is not _Standing.DELETED)
        await self._record_once(app_dismantlings, app, made)

    async def last_deleted(self, name: str) -> ports.Deleted:
        """Return the newest app that had the name and of which nothing runs any more."""
        row = await self.transaction.row(_last_deleted(), name=name)
        if row is None:
            raise errors.NotFound(f"no deleted app: {name}", hint="see what was deleted: sternway history --rack")
        deletion = await self.transaction.row(_deletion(), app_id=row.id, status=_Standing.DELETED.value)
        first = deletion or await self.transaction.row(_first_deletion(), app_id=row.id)
        return ports.Deleted(app_of(row), made_of(first) if first else made_of(row))

    async def list_lapsed(self, before: datetime) -> Sequence[App]:
        """Return those that were taken down, and whose last deletion is older; what is on its way back is none."""
        return [app_of(row) for row in await self.transaction.rows(_lapsed(), before=before)]

    async def begin_restoring(self, app: App, made: Made) -> None:
        """Record it, once."""
        is_begun = await self._standing(app) is _Standing.RESTORING
        await self._stand(app, _Standing.RESTORING, made, unless=is_begun)

    async def restore(self, app: App, made: Made) -> App:
        """Record that it is back; its settings and its history were never gone."""
        if await self.transaction.row(_named(), name=app.name):
            raise errors.Conflict(f"app already exists: {app.name}", hint="delete that one first")
        await self._stand(app, _Standing.RESTORED, made)
        return await self.get(app.name)

    async def settings(self, app: App) -> Sequence[SettingsLine]:
        """Return every row of settings."""
        rows = await self.transaction.rows(_all_settings(), app_id=app.id)
        return [SettingsLine(Settings(row.is_locked, row.parameters, row.scale), made_of(row)) for row in rows]

    async def set(self, app: App, settings: Settings, made: Made) -> App:
        """Record settings as a whole."""
        values = {"is_locked": settings.locked, "parameters": settings.parameters, "scale": settings.scale}
        await self.transaction.insert(app_settings, {"app_id": app.id} | values | made_values(made))
        return replace(app, settings=settings)

    async def _standing(self, app: App) -> _Standing | None:
        row = await self.transaction.row(_newest_standing(), app_id=app.id)
        return _Standing(row.status) if row else None

    async def _stand(self, app: App, standing: _Standing, made: Made, *, unless: bool = False) -> None:
        if not unless:
            values = {"app_id": app.id, "status": standing.value}
            await self.transaction.insert(app_standings, values | made_values(made))

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
    standing = records.newest(app_standings, "app_id", apps.c.id)
    return sa.select(
        apps,
        app_settings.c.is_locked,
        app_settings.c.parameters,
        app_settings.c.scale,
        app_deletions.c.app_id.label("deleted_id"),
        app_standings.c.status.label("standing"),
    ).select_from(
        apps.outerjoin(app_settings, app_settings.c.id == newest)
        .outerjoin(app_deletions, app_deletions.c.app_id == apps.c.id)
        .outerjoin(app_standings, app_standings.c.id == standing)
    )


def _present() -> Statement:
    """Apps that are not deleted."""
    was_never_deleted = app_deletions.c.app_id.is_(None)
    return with_settings().where(sa.or_(was_never_deleted, app_standings.c.status == _Standing.RESTORED.value))


@functools.cache
def _named() -> Statement:
    """The app that has a name now; deleted ones may have had it before."""
    return _present().where(apps.c.name == sa.bindparam("name"))


def _to_dismantle() -> Statement:
    """Deleted apps whose processes may still run."""
    is_first = sa.and_(app_standings.c.status.is_(None), app_deletions.c.app_id.is_not(None), ~_was_dismantled())
    is_later = app_standings.c.status == _Standing.DELETED.value
    return with_settings().where(sa.or_(is_first, is_later)).order_by(apps.c.id)


@functools.cache
def _last_deleted() -> Statement:
    """The newest app of a name that was taken down."""
    is_first = sa.and_(app_standings.c.status.is_(None), app_deletions.c.app_id.is_not(None), _was_dismantled())
    is_later = app_standings.c.status.in_([_Standing.DISMANTLED.value, _Standing.RESTORING.value])
    named = with_settings().where(apps.c.name == sa.bindparam("name"), sa.or_(is_first, is_later))
    return named.order_by(apps.c.id.desc()).limit(1)


@functools.cache
def _lapsed() -> Statement:
    """Apps that are down, and were deleted before a time."""
    again = sa.select(sa.func.max(app_standings.c.made_at)).where(
        app_standings.c.app_id == apps.c.id, app_standings.c.status == _Standing.DELETED.value
    )
    deleted_at = sa.func.coalesce(again.correlate(apps).scalar_subquery(), app_deletions.c.made_at)
    is_first = sa.and_(app_standings.c.status.is_(None), app_deletions.c.app_id.is_not(None), _was_dismantled())
    is_down = sa.or_(is_first, app_standings.c.status == _Standing.DISMANTLED.value)
    before = sa.bindparam("before", type_=app_deletions.c.made_at.type)
    return with_settings().where(is_down, deleted_at < before).order_by(apps.c.id)


def _was_dismantled() -> sa.ColumnElement[bool]:
    return sa.exists().where(app_dismantlings.c.app_id == apps.c.id)


@functools.cache
def _restoring() -> Statement:
    """An app of a name that is on its way back."""
    is_meant = apps.c.name == sa.bindparam("name"), app_standings.c.status == _Standing.RESTORING.value
    return with_settings().where(*is_meant)


@functools.cache
def _newest_standing() -> Statement:
    """How an app stands since it was first restored."""
    return _standings().limit(1)


@functools.cache
def _deletion() -> Statement:
    """The last deletion of an app that had been restored before."""
    return _standings().where(app_standings.c.status == sa.bindparam("status")).limit(1)


@functools.cache
def _first_deletion() -> Statement:
    """The first deletion of an app."""
    return sa.select(app_deletions).where(app_deletions.c.app_id == sa.bindparam("app_id"))


def _standings() -> Statement:
    of_app = sa.select(app_standings).where(app_standings.c.app_id == sa.bindparam("app_id"))
    return of_app.order_by(app_standings.c.id.desc())


@functools.cache
def _all_settings() -> Statement:
    """All that was ever set for an app, newest first."""
    of_app = sa.select(app_settings).where(app_settings.c.app_id == sa.bindparam("app_id"))
    return of_app.order_by(app_settings.c.id.desc())


def app_of(row: sa.Row[*tuple[Any, ...]]) -> App:
    """Read an app; one without settings has the default ones."""
    settings = Settings() if row.is_locked is None else Settings(row.is_locked, row.parameters, row.scale)
    return App(row.id, row.name, made_of(row), settings, is_deleted=_is_deleted(row))


def _is_deleted(row: sa.Row[*tuple[Any, ...]]) -> bool:
    return row.deleted_id is not None and row.standing != _Standing.RESTORED.value
