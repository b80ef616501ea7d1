"""Builds in the ledger. A build's row never changes; its newest record says how it stands."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sternway.core import errors
from sternway.core.app import App
from sternway.core.release import Build, BuildOptions, BuildStatus
from sternway.store import apps, records
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import apps as app_rows
from sternway.store.tables import build_records, builds

_OPEN = [status for status in BuildStatus if status.is_open]


@dataclass(frozen=True, slots=True)
class SqlBuilds:
    """Fills `ports.Builds`."""

    transaction: Transaction

    async def add(self, build: Build) -> None:
        """Insert a build and its first record."""
        values = {"id": build.id, "app_id": build.app_id, "description": build.description}
        options = {"options": asdict(build.options)}
        await self.transaction.insert(builds, values | options | apps.made_values(build.made))
        await self.record(build, build.made.at)

    async def get(self, app: App, build_id: str) -> Build:
        """Return it as its newest record says."""
        row = await self.transaction.row(_one(), app_id=app.id, id=build_id)
        if row is None:
            raise errors.NotFound(f"build not found: {build_id}", hint=f"see them: sternway builds -a {app.name}")
        return _build_of(row)

    async def list(self, app: App, limit: int) -> Sequence[Build]:
        """Return the newest first."""
        return [_build_of(row) for row in await self.transaction.rows(_newest_first(), app_id=app.id, most=limit)]

    async def artifacts(self, app: App, build_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """Return the artifacts of each, without its manifest."""
        found = await self.transaction.rows(_artifacts(), app_id=app.id, ids=sorted(build_ids))
        return {row.id: tuple(row.artifacts.values()) for row in found}

    async def all_artifacts(self) -> Mapping[int, Collection[str]]:
        """Return the artifacts of every app."""
        found: dict[int, set[str]] = {}
        for row in await self.transaction.rows(_all_artifacts()):
            found.setdefault(row.app_id, set()).update(row.artifacts.values())
        return found

    async def list_open(self) -> Sequence[tuple[App, Build]]:
        """Return those that have yet to end, the oldest first, also of deleted apps."""
        found = await self.transaction.rows(_unfinished())
        owners = await self.transaction.rows(_owners({row.app_id for row in found})) if found else []
        by_id = {row.id: apps.app_of(row) for row in owners}
        return [(by_id[row.app_id], _build_of(row)) for row in found]

    async def record(self, build: Build, at: datetime) -> None:
        """Add a record."""
        await self.transaction.insert(
            build_records,
            {
                "build_id": build.id,
                "at": at,
                "status": build.status.value,
                "manifest": build.manifest,
                "artifacts": build.artifacts,
                "release_id": build.release_id,
                "reason": build.reason,
                "started_at": build.started_at,
                "ended_at": build.ended_at,
            },
        )


def _standing() -> Statement:
    """Builds, each with its newest record."""
    newest = records.newest(build_records, "build_id", builds.c.id)
    return sa.select(
        builds,
        *(c for c in build_records.c if c.name not in ("id", "build_id", "at")),
    ).join_from(builds, build_records, build_records.c.id == newest)


@functools.cache
def _one() -> Statement:
    """A build of an app."""
    return _of_app().where(builds.c.id == sa.bindparam("id"))


@functools.cache
def _newest_first() -> Statement:
    """Those of an app."""
    return _of_app().order_by(builds.c.seq.desc()).limit(sa.bindparam("most", type_=sa.Integer))


def _of_app() -> Statement:
    return _standing().where(builds.c.app_id == sa.bindparam("app_id"))


@functools.cache
def _artifacts() -> Statement:
    """What some of the builds of an app made."""
    newest = records.newest(build_records, "build_id", builds.c.id)
    found = sa.select(builds.c.id, build_records.c.artifacts)
    of_app = found.join_from(builds, build_records, build_records.c.id == newest)
    is_asked = builds.c.id.in_(sa.bindparam("ids", expanding=True))
    return of_app.where(builds.c.app_id == sa.bindparam("app_id"), is_asked)


@functools.cache
def _all_artifacts() -> Statement:
    """What all builds of the rack made. It visits every build: asked when the time of a deleted app is over."""
    newest = records.newest(build_records, "build_id", builds.c.id)
    found = sa.select(builds.c.app_id, build_records.c.artifacts)
    return found.join_from(builds, build_records, build_records.c.id == newest)


def _unfinished() -> Statement:
    """Builds of the whole rack that have yet to end. It visits every build: asked once, when the rack starts."""
    return _standing().where(build_records.c.status.in_(_OPEN)).order_by(builds.c.seq)


def _owners(app_ids: set[int]) -> Statement:
    """The apps with these ids."""
    return apps.with_settings().where(app_rows.c.id.in_(app_ids))


def _build_of(row: sa.Row[*tuple[Any, ...]]) -> Build:
    return Build(
        id=row.id,
        app_id=row.app_id,
        made=apps.made_of(row),
        options=BuildOptions(**row.options | {"arguments": tuple(row.options["arguments"])}),
        description=row.description,
        status=BuildStatus(row.status),
        manifest=row.manifest,
        artifacts=row.artifacts,
        release_id=row.release_id,
        reason=row.reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
