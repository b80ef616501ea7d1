"""Promotions in the ledger: a row for each attempt, a record for each transition, a step for what people read."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sternway import ports
from sternway.core import errors
from sternway.core.app import App, Made
from sternway.core.history import Stand
from sternway.core.promotion import Activation, Promotion, PromotionOptions, PromotionStatus, Standing
from sternway.core.release import Release
from sternway.core.standby import MOST_RELEASES
from sternway.store import apps, records
from sternway.store.connection import Statement, Transaction
from sternway.store.tables import promotion_records, promotion_steps, promotions, releases

MAX_STEPS = 1000
LATELY = MOST_RELEASES + 1
"""As many activations as a rack may have to know: what is active, and all that may stand by."""
_UNDOING = promotions.c.run_rollback_commands.name


@dataclass(frozen=True, slots=True)
class SqlPromotions:
    """Fills `ports.Promotions`."""

    transaction: Transaction
    releases: ports.Releases

    async def add(self, app: App, release: Release, options: PromotionOptions, made: Made) -> Promotion:
        """Insert it as PENDING; only the latest can be open, and is superseded."""
        return await self.add_after(await self.standing(app), app, release, options, made)

    async def standing(self, app: App) -> Standing:
        """Return the latest attempt, and the releases that were active lately."""
        return Standing(await self.latest(app), tuple(await self.activations(app, LATELY)))

    async def add_after(
        self, standing: Standing, app: App, release: Release, options: PromotionOptions, made: Made
    ) -> Promotion:
        """Insert it after those."""
        latest, replaces = standing.latest, standing.active.release_id if standing.active else None
        if latest and latest.status.is_open:
            await self._append(latest, PromotionStatus.SUPERSEDED, made.at, f"superseded by {release.id}")
        asked = asdict(options)
        undoing = asked.pop(_UNDOING) or None
        values = {"app_id": app.id, "release_id": release.id, "replaces": replaces, "options": asked, _UNDOING: undoing}
        id = await self.transaction.insert(promotions, values | apps.made_values(made))
        promotion = Promotion(id, app.id, release.id, made, replaces, options)
        return await self._append(promotion, PromotionStatus.PENDING, made.at)

    async def latest(self, app: App) -> Promotion | None:
        """Return the newest attempt."""
        row = await self.transaction.row(_newest_first(), app_id=app.id, most=1)
        return _promotion_of(row) if row else None

    async def active(self, app: App) -> Release | None:
        """Return the release of the newest attempt that completed."""
        release_id = await self.active_id(app)
        return await self.releases.get(app, release_id) if release_id else None

    async def active_id(self, app: App) -> str | None:
        """Return its id only."""
        row = await self.transaction.row(_activations(), app_id=app.id, most=1)
        return row.release_id if row else None

    async def activations(self, app: App, limit: int) -> Sequence[Activation]:
        """Return which releases were active, the newest first."""
        rows = await self.transaction.rows(_activations(), app_id=app.id, most=limit)
        return [Activation(row.release_id, row.at, row.seq) for row in rows]

    async def stands(self, app: App) -> Sequence[Stand]:
        """Return what completed, with the keyed hash of its content; no environment is opened."""
        rows = await self.transaction.rows(_stands(), app_id=app.id)
        return [Stand(row.id, row.release_id, row.content, row.made_at, row.at) for row in rows]

    async def get(self, app: App, promotion_id: int) -> Promotion:
        """Return it as its newest record says."""
        row = await self.transaction.row(_one_of_app(), app_id=app.id, id=promotion_id)
        if row is None:
            raise errors.NotFound(f"promotion not found: {promotion_id}")
        return _promotion_of(row)

    async def list(self, app: App, limit: int) -> Sequence[Promotion]:
        """Return the newest first."""
        return [_promotion_of(row) for row in await self.transaction.rows(_newest_first(), app_id=app.id, most=limit)]

    async def of_releases(self, app: App, release_ids: Collection[str]) -> Mapping[str, Promotion]:
        """Return the newest attempt at each of these releases; those never tried are left out."""
        rows = await self.transaction.rows(_of_releases(), app_id=app.id, releases=list(release_ids))
        return {row.release_id: _promotion_of(row) for row in rows}

    async def record(self, promotion: Promotion, status: PromotionStatus, at: datetime, cause: str = "") -> Promotion:
        """Add a record unless the newest one, which the caller may not have seen, forbids it."""
        row = await self.transaction.row(_one(), id=promotion.id)
        now = _promotion_of(row) if row else promotion
        return await self._append(now, status, at, cause) if now.status.may_become(status) else now

    async def note(self, app: App, step: ports.Step) -> None:
        """Add a step."""
        await self.transaction.insert(promotion_steps, {"app_id": app.id} | asdict(step))

    async def steps(
        self, app: App, after: datetime | None = None, promotion_id: int | None = None
    ) -> Sequence[ports.Step]:
        """Return the newest ones later than `after`, by time."""
        found = _steps(app)
        found = found if after is None else found.where(promotion_steps.c.at > after)
        found = found if promotion_id is None else found.where(promotion_steps.c.promotion_id == promotion_id)
        rows = await self.transaction.rows(found)
        return [ports.Step(row.at, row.text, row.promotion_id) for row in reversed(rows)]

    async def _append(self, promotion: Promotion, status: PromotionStatus, at: datetime, cause: str = "") -> Promotion:
        values = {"promotion_id": promotion.id, "app_id": promotion.app_id, "at": at}
        await self.transaction.insert(promotion_records, values | {"status": status.value, "cause": cause})
        return replace(promotion, status=status, status_at=at, cause=cause)


def _standing() -> Statement:
    """Promotions, each with its newest record."""
    record = promotion_records
    newest = records.newest(record, "promotion_id", promotions.c.id)
    return sa.select(promotions, record.c.status, record.c.at, record.c.cause).join_from(
        promotions, record, record.c.id == newest
    )


@functools.cache
def _one() -> Statement:
    """A promotion."""
    return _standing().where(promotions.c.id == sa.bindparam("id"))


@functools.cache
def _one_of_app() -> Statement:
    """A promotion of an app."""
    return _one().where(promotions.c.app_id == sa.bindparam("app_id"))


@functools.cache
def _newest_first() -> Statement:
    """Those of an app."""
    of_app = _standing().where(promotions.c.app_id == sa.bindparam("app_id"))
    return of_app.order_by(promotions.c.id.desc()).limit(sa.bindparam("most", type_=sa.Integer))


@functools.cache
def _of_releases() -> Statement:
    """Those of some releases of an app, the oldest first."""
    wanted = promotions.c.release_id.in_(sa.bindparam("releases", expanding=True))
    return _standing().where(promotions.c.app_id == sa.bindparam("app_id"), wanted).order_by(promotions.c.id)


@functools.cache
def _activations() -> Statement:
    """The completed ones of an app, the newest first: the end of a range in an index. No record follows theirs."""
    record = promotion_records
    return (
        sa.select(promotions.c.release_id, record.c.at, releases.c.seq)
        .join_from(record, promotions, promotions.c.id == record.c.promotion_id)
        .join(releases, releases.c.id == promotions.c.release_id)
        .where(record.c.app_id == sa.bindparam("app_id"), record.c.status == PromotionStatus.COMPLETED.value)
        .order_by(record.c.promotion_id.desc())
        .limit(sa.bindparam("most", type_=sa.Integer))
    )


@functools.cache
def _stands() -> Statement:
    """Completed ones of an app, newest first."""
    record, promotion = promotion_records, promotions
    found = sa.select(promotion.c.id, promotion.c.release_id, promotion.c.made_at, record.c.at, releases.c.content)
    return (
        found.join_from(record, promotion, promotion.c.id == record.c.promotion_id)
        .join(releases, releases.c.id == promotion.c.release_id)
        .where(record.c.app_id == sa.bindparam("app_id"), record.c.status == PromotionStatus.COMPLETED.value)
        .order_by(record.c.promotion_id.desc())
    )


def _steps(app: App) -> Statement:
    """The newest steps of an app, latest first."""
    step = promotion_steps
    return sa.select(step).where(step.c.app_id == app.id).order_by(step.c.at.desc(), step.c.id.desc()).limit(MAX_STEPS)


def _promotion_of(row: sa.Row[*tuple[Any, ...]]) -> Promotion:
    return Promotion(
        id=row.id,
        app_id=row.app_id,
        release_id=row.release_id,
        made=apps.made_of(row),
        replaces=row.replaces,
        options=PromotionOptions(**row.options, run_rollback_commands=bool(row.run_rollback_commands)),
        status=PromotionStatus(row.status),
        status_at=row.at,
        cause=row.cause,
    )
