"""The tables of the ledger, as the newest migration leaves them.

Rows are only ever added: what changes over time (settings, how a build or a promotion stands) is a table of
records beside the thing itself, and the newest record counts. `core` says what the columns mean.
Ids that carry an order (`seq`, `id`, `epoch`) are given by the database and never again.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """A time: whole microseconds since 1970 in UTC, which sorts, loses nothing and reads back aware."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Refuse a naive time by failing to subtract it."""
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """Return it in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Mapping[str, Any]]):
    """An object as JSON text with sorted keys."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: sa.Dialect) -> str | None:
        """Write it; ASCII, since lone surrogates have no UTF-8."""
        return None if value is None else json.dumps(dict(value), sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Mapping[str, Any] | None:
        """Read it."""
        return None if value is None else json.loads(value)


# SQLite numbers rows by itself in columns of the type INTEGER only.
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _numbered(name: str) -> sa.Column[int]:
    return sa.Column(name, _Number, primary_key=True, autoincrement=True)


def _of(target: str, name: str, *, required: bool = True, deferred: bool = False) -> sa.Column[Any]:
    """Make a column that refers to a row; a deferred one may come before it in the same transaction."""
    late: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED"} if deferred else {}
    return sa.Column(name, sa.ForeignKey(target, **late), nullable=not required)


def _text(name: str, *, required: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=not required)


def _moment(name: str, *, required: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, Moment, nullable=not required)


def _made() -> tuple[sa.Column[Any], ...]:
    return _moment("made_at"), _text("made_by"), _text("made_reason")


apps = sa.Table(
    "apps",
    metadata,
    _numbered("id"),
    _text("name"),
    *_made(),
    sa.Index(None, "name", "id"),
    sqlite_autoincrement=True,
)

app_deletions = sa.Table(
    "app_deletions",
    metadata,
    sa.Column("app_id", sa.ForeignKey("apps.id"), primary_key=True, autoincrement=False),
    *_made(),
)

app_dismantlings = sa.Table(
    "app_dismantlings",
    metadata,
    sa.Column("app_id", sa.ForeignKey("app_deletions.app_id"), primary_key=True, autoincrement=False),
    *_made(),
)

# How an app stands that was restored, or is about to be, and what became of it since; the newest row counts, and
# where there is none the two tables above do. `status` is restoring, restored, deleted or dismantled.
app_standings = sa.Table(
    "app_standings",
    metadata,
    _numbered("id"),
    _of("apps.id", "app_id"),
    _text("status"),
    *_made(),
    sa.Index(None, "app_id", "id"),
    sqlite_autoincrement=True,
)

app_settings = sa.Table(
    "app_settings",
    metadata,
    _numbered("id"),
    _of("apps.id", "app_id"),
    sa.Column("is_locked", sa.Boolean, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("scale", Json, nullable=False),
    *_made(),
    sa.Index(None, "app_id", "id"),
    sqlite_autoincrement=True,
)

builds = sa.Table(
    "builds",
    metadata,
    _numbered("seq"),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    _of("apps.id", "app_id"),
    *_made(),
    _text("description"),
    sa.Column("options", Json, nullable=False),
    sa.Index(None, "app_id", "seq"),
    sqlite_autoincrement=True,
)

build_records = sa.Table(
    "build_records",
    metadata,
    _numbered("id"),
    _of("builds.id", "build_id"),
    _moment("at"),
    _text("status"),
    _text("manifest"),
    sa.Column("artifacts", Json, nullable=False),
    # A build names the release that it made, and that release its build: either may be written first.
    _of("releases.id", "release_id", required=False, deferred=True),
    _text("reason"),
    _moment("started_at", required=False),
    _moment("ended_at", required=False),
    sa.Index(None, "build_id", "id"),
    sqlite_autoincrement=True,
)

# Builds whose release is to be promoted once it is there. The newest row of a build counts: with a problem nobody waits
# any more, and a promotion of the release fulfils the wish.
deployments = sa.Table(
    "deployments",
    metadata,
    _numbered("id"),
    _of("builds.id", "build_id"),
    _text("problem"),
    *_made(),
    sa.Index(None, "build_id", "id"),
    sqlite_autoincrement=True,
)

releases = sa.Table(
    "releases",
    metadata,
    _numbered("seq"),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    _of("apps.id", "app_id"),
    *_made(),
    _of("builds.id", "build_id", required=False),
    sa.Column("env", sa.LargeBinary, nullable=False),  # sealed
    _text("content"),  # keyed hash of build, environment and manifest
    _text("manifest"),
    _text("description"),
    _of("releases.id", "copy_of", required=False),
    sa.Column("is_rollback", sa.Boolean, nullable=False),
    sa.Index(None, "app_id", "seq"),
    sa.Index(None, "app_id", "content", "seq"),
    sqlite_autoincrement=True,
)

promotions = sa.Table(
    "promotions",
    metadata,
    _numbered("id"),
    _of("apps.id", "app_id"),
    _of("releases.id", "release_id"),
    *_made(),
    _of("releases.id", "replaces", required=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("run_rollback_commands", sa.Boolean),  # beside the other options: earlier versions refuse new ones
    sa.Index(None, "app_id", "id"),
    sqlite_autoincrement=True,
)

# `app_id` stands here again so that the newest completed promotion of an app is one look into an index.
promotion_records = sa.Table(
    "promotion_records",
    metadata,
    _numbered("id"),
    _of("promotions.id", "promotion_id"),
    _of("apps.id", "app_id"),
    _moment("at"),
    _text("status"),
    _text("cause"),
    sa.Index(None, "promotion_id", "id"),
    sa.Index(None, "app_id", "status", "promotion_id"),
    sqlite_autoincrement=True,
)

promotion_steps = sa.Table(
    "promotion_steps",
    metadata,
    _numbered("id"),
    _of("apps.id", "app_id"),
    _of("promotions.id", "promotion_id", required=False),
    _moment("at"),
    _text("text"),
    sa.Index(None, "app_id", "at", "id"),
    sa.Index(None, "promotion_id", "at", "id"),
    sqlite_autoincrement=True,
)

# Each row is a record of a run, which is one command of one service in one promotion; the newest counts.
command_runs = sa.Table(
    "command_runs",
    metadata,
    _numbered("id"),
    _of("apps.id", "app_id"),
    _of("promotions.id", "promotion_id"),
    _of("releases.id", "release_id"),
    _text("service"),
    _text("kind"),
    _moment("at"),
    _text("status"),
    _text("process_id"),
    sa.Column("exit_code", sa.Integer),
    _text("cause"),
    sa.Index(None, "promotion_id", "id"),
    sa.Index(None, "app_id", "status", "id"),
    sqlite_autoincrement=True,
)

# What is set for the rack as a whole; the newest row counts.
rack_parameters = sa.Table(
    "rack_parameters",
    metadata,
    _numbered("id"),
    sa.Column("parameters", Json, nullable=False),
    *_made(),
    sqlite_autoincrement=True,
)

# The newest row of a server counts; one that is removed has neither name nor password.
registry_logins = sa.Table(
    "registry_logins",
    metadata,
    _numbered("id"),
    _text("server"),
    sa.Column("is_removed", sa.Boolean, nullable=False),
    _text("username"),
    sa.Column("password", sa.LargeBinary, nullable=False),  # sealed
    *_made(),
    sa.Index(None, "server", "id"),
    sqlite_autoincrement=True,
)


def _granted() -> tuple[sa.Column[Any], ...]:
    return _text("role"), _text("apps", required=False), sa.Column("is_removed", sa.Boolean, nullable=False)


# The newest row of a name counts. `apps` are names joined by commas, NULL for all and the rack.
users = sa.Table(
    "users",
    metadata,
    _numbered("id"),
    _text("name"),
    _text("password"),  # slow hash
    _text("invitation"),  # keyed hash
    _moment("invited_until", required=False),
    *_granted(),
    *_made(),
    sa.Index(None, "name", "id"),
    sqlite_autoincrement=True,
)

# The newest row of a token counts.
deploy_tokens = sa.Table(
    "deploy_tokens",
    metadata,
    _numbered("id"),
    _text("token_id"),
    _text("name"),
    _text("secret"),  # keyed hash
    _moment("expires_at", required=False),
    *_granted(),
    *_made(),
    sa.Index(None, "token_id", "id"),
    sqlite_autoincrement=True,
)

# The newest row of a secret counts; one without a secret ends all that its name began before.
sign_ins = sa.Table(
    "sign_ins",
    metadata,
    _numbered("id"),
    _text("name"),
    _text("secret"),  # keyed hash
    _text("credential"),  # keyed hash
    _moment("expires_at"),
    sa.Column("is_over", sa.Boolean, nullable=False),
    *_made(),
    sa.Index(None, "secret", "id"),
    sa.Index(None, "name", "secret", "id"),
    sqlite_autoincrement=True,
)

# The newest one signs, and is the only one that is believed.
signing_keys = sa.Table(
    "signing_keys",
    metadata,
    _numbered("id"),
    sa.Column("key", sa.LargeBinary, nullable=False),  # sealed
    *_made(),
    sqlite_autoincrement=True,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    _text("previous_hash"),
    _text("hash"),
)

leases = sa.Table(
    "leases",
    metadata,
    _numbered("epoch"),
    _text("holder"),
    _moment("at"),
    sqlite_autoincrement=True,
)
