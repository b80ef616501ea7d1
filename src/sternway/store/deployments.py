"""Deployments in the ledger: the wish is a row, and why it cannot be fulfilled another; a promotion fulfils it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sternway.core.app import Made
from sternway.core.release import BuildStatus, Deployment
from sternway.store import apps, records
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import apps as app_rows
from sternway.store.tables import build_records, builds, deployments, promotions


@dataclass(frozen=True, slots=True)
class SqlDeployments:
    """Fills `ports.Deployments`."""

    transaction: Transaction

    async def add(self, build_id: str, made: Made) -> None:
        """Insert the wish."""
        await self._insert(build_id, "", made)

    async def give_up(self, build_id: str, problem: str, made: Made) -> None:
        """Insert what stands in the way."""
        await self._insert(build_id, problem, made)

    async def find(self, build_id: str) -> Deployment | None:
        """Return what its newest row says."""
        row = await self.transaction.row(_of_build(), build_id=build_id)
        return Deployment(row.build_id, apps.made_of(row), row.problem) if row else None

    async def list_due(self) -> Sequence[tuple[str, str]]:
        """Return those that nothing became of yet."""
        return [(row.name, row.id) for row in await self.transaction.rows(_due())]

    async def _insert(self, build_id: str, problem: str, made: Made) -> None:
        values = {"build_id": build_id, "problem": problem} | apps.made_values(made)
        await self.transaction.insert(deployments, values)


@functools.cache
def _of_build() -> Statement:
    """The newest row of a build."""
    of_build = sa.select(deployments).where(deployments.c.build_id == sa.bindparam("build_id"))
    return of_build.order_by(deployments.c.id.desc()).limit(1)


def _due() -> Statement:
    """Complete builds with a wish and without a promotion. It visits every wish: asked once, when the rack starts."""
    wish, record = deployments, build_records
    is_newest = wish.c.id == records.newest(deployments, "build_id", builds.c.id)
    found = sa.select(app_rows.c.name, builds.c.id).join_from(wish, builds, builds.c.id == wish.c.build_id)
    found = found.join(app_rows, app_rows.c.id == builds.c.app_id)
    found = found.join(record, record.c.id == records.newest(build_records, "build_id", builds.c.id))
    is_made = record.c.status == BuildStatus.COMPLETE.value
    of_release = (promotions.c.app_id == builds.c.app_id) & (promotions.c.release_id == record.c.release_id)
    is_promoted = sa.exists().where(of_release)
    return found.where(is_newest, wish.c.problem == "", is_made, ~is_promoted).order_by(builds.c.seq)
