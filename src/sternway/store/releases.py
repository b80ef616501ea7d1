"""Releases in the ledger. An environment is sealed before it gets near the database, bound to its release."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from sternway import ports
from sternway.core import errors
from sternway.core.app import App
from sternway.core.environment import Environment
from sternway.core.release import Release, ReleaseLine, content
from sternway.store import apps
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import releases

_LINE = [c for c in releases.c if c.name not in ("env", "content", "manifest")]


@dataclass(frozen=True, slots=True)
class SqlReleases:
    """Fills `ports.Releases`."""

    transaction: Transaction
    secrets: ports.Secrets

    async def add(self, release: Release) -> Release:
        """Insert it; its order is the row's number, whatever it said before."""
        values = {
            "id": release.id,
            "app_id": release.app_id,
            "build_id": release.build_id,
            "env": self._seal(release),
            "content": self.fingerprint(release),
            "manifest": release.manifest,
            "description": release.description,
            "copy_of": release.copy_of,
            "is_rollback": release.is_rollback,
        }
        order = await self.transaction.insert(releases, values | apps.made_values(release.made))
        return replace(release, order=order)

    async def get(self, app: App, release_id: str) -> Release:
        """Return it with its environment opened; raises Corrupt if that does not open."""
        row = await self.transaction.row(_one(), app_id=app.id, id=release_id)
        if row is None:
            raise errors.NotFound(f"release not found: {release_id}", hint=f"see them: sternway releases -a {app.name}")
        return self._release_of(row)

    async def newest(self, app: App) -> Release | None:
        """Return the one with the highest order."""
        row = await self.transaction.row(_newest(), app_id=app.id)
        return self._release_of(row) if row else None

    async def list(self, app: App, limit: int) -> Sequence[ReleaseLine]:
        """Return the newest first; environments and manifests are not read at all."""
        return [_line_of(row) for row in await self.transaction.rows(_lines(), app_id=app.id, most=limit)]

    def fingerprint(self, release: Release) -> str:
        """Return the keyed hash of its content."""
        return self.secrets.fingerprint(content(release))

    async def original(self, app: App, release: Release) -> Release | None:
        """Return the newest other one whose content has the same keyed hash: the end of a range in an index."""
        row = await self.transaction.row(_same(), app_id=app.id, content=self.fingerprint(release), id=release.id)
        return self._release_of(row) if row else None

    def _seal(self, release: Release) -> bytes:
        # JSON and not KEY=VALUE lines, which cannot hold every value that an Environment can.
        return self.secrets.seal(json.dumps(dict(release.environment)).encode(), _context(release.id))

    def _release_of(self, row: sa.Row[*tuple[Any, ...]]) -> Release:
        plain = self.secrets.open(row.env, _context(row.id))
        return Release(
            id=row.id,
            app_id=row.app_id,
            made=apps.made_of(row),
            build_id=row.build_id,
            environment=Environment(json.loads(plain)),
            manifest=row.manifest,
            description=row.description,
            copy_of=row.copy_of,
            is_rollback=row.is_rollback,
            order=row.seq,
        )


def _context(release_id: str) -> str:
    return f"release:{release_id}"


def _of_app(*columns: sa.Column[Any]) -> Statement:
    """The releases of an app, newest first."""
    found = sa.select(*columns or releases.c)
    return found.where(releases.c.app_id == sa.bindparam("app_id")).order_by(releases.c.seq.desc())


@functools.cache
def _one() -> Statement:
    """A release of an app."""
    return _of_app().where(releases.c.id == sa.bindparam("id"))


@functools.cache
def _newest() -> Statement:
    """The newest of an app."""
    return _of_app().limit(1)


@functools.cache
def _same() -> Statement:
    """The newest other one with the same content."""
    is_same, is_other = releases.c.content == sa.bindparam("content"), releases.c.id != sa.bindparam("id")
    return _of_app().where(is_same, is_other).limit(1)


@functools.cache
def _lines() -> Statement:
    """The newest of an app, without what is large or secret."""
    return _of_app(*_LINE).limit(sa.bindparam("most", type_=sa.Integer))


def _line_of(row: sa.Row[*tuple[Any, ...]]) -> ReleaseLine:
    return ReleaseLine(
        id=row.id,
        made=apps.made_of(row),
        build_id=row.build_id,
        description=row.description,
        copy_of=row.copy_of,
        is_rollback=row.is_rollback,
        order=row.seq,
    )
