"""What is set for the rack, and logins at image registries.

Revision: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sternway.store import dialect

revision = "0002"
down_revision: str | None = "0001"

TABLES = ("rack_parameters", "registry_logins")


def upgrade() -> None:
    _table("rack_parameters", _text("parameters"))
    _table(
        "registry_logins",
        _text("server"),
        sa.Column("is_removed", sa.Boolean, nullable=False),
        _text("username"),
        sa.Column("password", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_registry_logins_server_id", "registry_logins", ["server", "id"])
    for table in TABLES:
        for statement in dialect.insert_only(table):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        for statement in dialect.unprotect(table):
            op.execute(statement)
        op.drop_table(table)


def _table(name: str, *columns: sa.Column[Any]) -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        name,
        sa.Column("id", number, primary_key=True, autoincrement=True),
        *columns,
        sa.Column("made_at", sa.BigInteger, nullable=False),
        _text("made_by"),
        _text("made_reason"),
        sqlite_autoincrement=True,
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
