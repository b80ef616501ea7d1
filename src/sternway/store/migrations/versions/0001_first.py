"""The first schema: the whole ledger, insert-only.

Revision: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sternway.store import dialect

revision = "0001"
down_revision: str | None = None

# In the order in which they refer to each other.
TABLES = (
    "apps",
    "app_deletions",
    "app_dismantlings",
    "app_settings",
    "builds",
    "releases",
    "build_records",
    "promotions",
    "promotion_records",
    "promotion_steps",
    "events",
    "leases",
)


def upgrade() -> None:
    _create_apps()
    _create_builds()
    _create_releases()
    _create_build_records()
    _create_promotions()
    _create_promotion_records()
    _create_promotion_steps()
    _create_history()
    for table in TABLES:
        for statement in dialect.insert_only(table):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        for statement in dialect.unprotect(table):
            op.execute(statement)
        op.drop_table(table)


def _create_apps() -> None:
    _table("apps", _numbered("id"), _text("name"), *_made())
    _index("apps", "name", "id")
    for table, target in (("app_deletions", "apps.id"), ("app_dismantlings", "app_deletions.app_id")):
        key = sa.Column("app_id", _number(), primary_key=True, autoincrement=False)
        _table(table, key, *_made(), _foreign(table, "app_id", target), numbered=False)
    _table(
        "app_settings",
        _numbered("id"),
        sa.Column("app_id", _number(), nullable=False),
        sa.Column("is_locked", sa.Boolean, nullable=False),
        _text("parameters"),
        _text("scale"),
        *_made(),
        _foreign("app_settings", "app_id", "apps.id"),
    )
    _index("app_settings", "app_id", "id")


def _create_builds() -> None:
    _table(
        "builds",
        _numbered("seq"),
        _text("id"),
        sa.Column("app_id", _number(), nullable=False),
        *_made(),
        _text("description"),
        _text("options"),
        sa.UniqueConstraint("id", name="uq_builds_id"),
        _foreign("builds", "app_id", "apps.id"),
    )
    _index("builds", "app_id", "seq")


def _create_releases() -> None:
    _table(
        "releases",
        _numbered("seq"),
        _text("id"),
        sa.Column("app_id", _number(), nullable=False),
        *_made(),
        _text("build_id", required=False),
        sa.Column("env", sa.LargeBinary, nullable=False),
        _text("content"),
        _text("manifest"),
        _text("description"),
        _text("copy_of", required=False),
        sa.Column("is_rollback", sa.Boolean, nullable=False),
        sa.UniqueConstraint("id", name="uq_releases_id"),
        _foreign("releases", "app_id", "apps.id"),
        _foreign("releases", "build_id", "builds.id"),
        _foreign("releases", "copy_of", "releases.id"),
    )
    _index("releases", "app_id", "seq")
    _index("releases", "app_id", "content", "seq")


def _create_build_records() -> None:
    _table(
        "build_records",
        _numbered("id"),
        _text("build_id"),
        _moment("at"),
        _text("status"),
        _text("manifest"),
        _text("artifacts"),
        _text("release_id", required=False),
        _text("reason"),
        _moment("started_at", required=False),
        _moment("ended_at", required=False),
        _foreign("build_records", "build_id", "builds.id"),
        _foreign("build_records", "release_id", "releases.id", deferrable=True, initially="DEFERRED"),
    )
    _index("build_records", "build_id", "id")


def _create_promotions() -> None:
    _table(
        "promotions",
        _numbered("id"),
        sa.Column("app_id", _number(), nullable=False),
        _text("release_id"),
        *_made(),
        _text("replaces", required=False),
        _text("options"),
        _foreign("promotions", "app_id", "apps.id"),
        _foreign("promotions", "release_id", "releases.id"),
        _foreign("promotions", "replaces", "releases.id"),
    )
    _index("promotions", "app_id", "id")


def _create_promotion_records() -> None:
    _table(
        "promotion_records",
        _numbered("id"),
        sa.Column("promotion_id", _number(), nullable=False),
        sa.Column("app_id", _number(), nullable=False),
        _moment("at"),
        _text("status"),
        _text("cause"),
        _foreign("promotion_records", "promotion_id", "promotions.id"),
        _foreign("promotion_records", "app_id", "apps.id"),
    )
    _index("promotion_records", "promotion_id", "id")
    _index("promotion_records", "app_id", "status", "promotion_id")


def _create_promotion_steps() -> None:
    _table(
        "promotion_steps",
        _numbered("id"),
        sa.Column("app_id", _number(), nullable=False),
        sa.Column("promotion_id", _number()),
        _moment("at"),
        _text("text"),
        _foreign("promotion_steps", "app_id", "apps.id"),
        _foreign("promotion_steps", "promotion_id", "promotions.id"),
    )
    _index("promotion_steps", "app_id", "at", "id")
    _index("promotion_steps", "promotion_id", "at", "id")


def _create_history() -> None:
    _table(
        "events",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _text("previous_hash"),
        _text("hash"),
        numbered=False,
    )
    _table("leases", _numbered("epoch"), _text("holder"), _moment("at"))


def _table(name: str, *items: Any, numbered: bool = True) -> None:
    options = {"sqlite_autoincrement": True} if numbered else {}
    op.create_table(name, *items, **options)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _numbered(name: str) -> sa.Column[int]:
    return sa.Column(name, _number(), primary_key=True, autoincrement=True)


def _text(name: str, *, required: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=not required)


def _moment(name: str, *, required: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=not required)


def _made() -> tuple[sa.Column[Any], ...]:
    return _moment("made_at"), _text("made_by"), _text("made_reason")


def _foreign(table: str, column: str, target: str, **options: Any) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", **options)
