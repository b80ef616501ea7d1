"""Runs of release commands in the ledger: a record for each step of a run, and what they did to the history."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from sternway.core import errors
from sternway.core.app import App
from sternway.core.command import Command, CommandKind, CommandRun, Effect, History, Reached, RunStatus
from sternway.core.promotion import PromotionStatus
from sternway.core.release import Release
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import builds, command_runs, promotion_records, promotions, releases

_OPEN = [status for status in RunStatus if status.is_open]
_OVER = [status for status in RunStatus if not status.is_open]


@dataclass(frozen=True, slots=True)
class SqlCommandRuns:
    """Fills `ports.CommandRuns`."""

    transaction: Transaction

    async def record(self, app: App, run: CommandRun) -> None:
        """Add a record."""
        values = {"app_id": app.id, "promotion_id": run.promotion_id, "at": run.at, "status": run.status.value}
        values |= {"kind": run.command.kind.value, "release_id": run.command.release_id}
        values |= {"service": run.command.service, "process_id": run.process_id}
        await self.transaction.insert(command_runs, values | {"exit_code": run.exit_code, "cause": run.cause})

    async def of(self, promotion_id: int) -> Sequence[CommandRun]:
        """Return those of a promotion, each as its newest record says."""
        return _standing(await self.transaction.rows(_of_promotion(), promotion_id=promotion_id))

    async def of_release(self, app: App, release_id: str) -> Sequence[CommandRun]:
        """Return those of every promotion of a release."""
        return _standing(await self.transaction.rows(_of_release(), app_id=app.id, release_id=release_id))

    async def list_open(self, app: App) -> Sequence[CommandRun]:
        """Return those that have yet to end."""
        return _standing(await self.transaction.rows(_unfinished(), app_id=app.id))

    async def history(self, app: App, release: Release) -> History:
        """Return where the build of a release stands."""
        row = await self.transaction.row(_build(), app_id=app.id, id=release.build_id)
        if row is None:
            raise errors.NotFound(f"build not found: {release.build_id}")
        done = await self.transaction.rows(_effective(), app_id=app.id)
        found = {row.id: Reached(release.id, row.id, row.seq, 0)}
        found |= {each.build_id: _reached(each, 0) for each in done if each.seq > row.seq}
        for each in await self.transaction.rows(_activated(), app_id=app.id, order=row.seq):
            found[each.build_id] = _reached(each, each.promotion_id)
        own = replace(found.pop(row.id), release_id=release.id)
        return History(own, tuple(found.values()), tuple(_effect_of(each) for each in done))


def _standing(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[CommandRun]:
    """Return the newest of the records of each run, by its beginning."""
    runs = [_run_of(row) for row in rows]
    return list({(run.promotion_id, run.command): run for run in runs}.values())


@functools.cache
def _of_promotion() -> Statement:
    """The records of a promotion, the oldest first."""
    of_promotion = command_runs.c.promotion_id == sa.bindparam("promotion_id")
    return sa.select(command_runs).where(of_promotion).order_by(command_runs.c.id)


@functools.cache
def _of_release() -> Statement:
    """The records of all promotions of a release: nothing waits for it."""
    chosen = sa.select(command_runs).join(promotions, promotions.c.id == command_runs.c.promotion_id)
    of_release = promotions.c.release_id == sa.bindparam("release_id")
    return chosen.where(promotions.c.app_id == sa.bindparam("app_id"), of_release).order_by(command_runs.c.id)


@functools.cache
def _unfinished() -> Statement:
    """The records of an app's runs of which none says how it ended: asked once, when its worker begins."""
    run, end = command_runs, command_runs.alias()
    same = [end.c[name] == run.c[name] for name in ("promotion_id", "kind", "release_id", "service")]
    ends = sa.exists().where(*same, end.c.status.in_(_OVER))
    is_open = run.c.status.in_(_OPEN) & ~ends
    return sa.select(run).where(run.c.app_id == sa.bindparam("app_id"), is_open).order_by(run.c.id)


@functools.cache
def _effective() -> Statement:
    """The commands of an app that ended well, the oldest first."""
    run = command_runs
    chosen = sa.select(
        run.c.service, run.c.kind, run.c.promotion_id, run.c.release_id, releases.c.build_id, builds.c.seq
    )
    joined = _with_build(chosen.select_from(run).join(releases, releases.c.id == run.c.release_id))
    is_done = run.c.status == RunStatus.SUCCEEDED.value
    return joined.where(run.c.app_id == sa.bindparam("app_id"), is_done).order_by(run.c.id)


@functools.cache
def _build() -> Statement:
    """A build of an app, and its order."""
    of_app = sa.select(builds.c.id, builds.c.seq).where(builds.c.app_id == sa.bindparam("app_id"))
    return of_app.where(builds.c.id == sa.bindparam("id"))


@functools.cache
def _activated() -> Statement:
    """What was active of builds that are not older than `order`, the oldest activation first."""
    record = promotion_records
    chosen = sa.select(promotions.c.release_id, record.c.promotion_id, releases.c.build_id, builds.c.seq)
    joined = chosen.select_from(record).join(promotions, promotions.c.id == record.c.promotion_id)
    joined = _with_build(joined.join(releases, releases.c.id == promotions.c.release_id))
    is_done = (record.c.status == PromotionStatus.COMPLETED.value) & (builds.c.seq >= sa.bindparam("order"))
    return joined.where(record.c.app_id == sa.bindparam("app_id"), is_done).order_by(record.c.promotion_id)


def _with_build(chosen: Statement) -> Statement:
    return chosen.join(builds, builds.c.id == releases.c.build_id)


def _reached(row: sa.Row[*tuple[Any, ...]], promotion_id: int) -> Reached:
    return Reached(row.release_id, row.build_id, row.seq, promotion_id)


def _effect_of(row: sa.Row[*tuple[Any, ...]]) -> Effect:
    return Effect(row.build_id, row.service, CommandKind(row.kind), row.promotion_id)


def _run_of(row: sa.Row[*tuple[Any, ...]]) -> CommandRun:
    return CommandRun(
        promotion_id=row.promotion_id,
        command=Command(CommandKind(row.kind), row.release_id, row.service),
        status=RunStatus(row.status),
        at=row.at,
        process_id=row.process_id,
        exit_code=row.exit_code,
        cause=row.cause,
    )
