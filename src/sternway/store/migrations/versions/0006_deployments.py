"""Builds whose release is to be promoted once it is there, and why some were not.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

from sternway.store import dialect

revision = "0006"
down_revision: str | None = "0005"

TABLES = ("deployments",)


def upgrade() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", _number(), primary_key=True, autoincrement=True),
        sa.Column("build_id", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name="fk_deployments_build_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deployments_build_id_id", "deployments", ["build_id", "id"])
    for statement in dialect.insert_only("deployments"):
        op.execute(statement)


def downgrade() -> None:
    for statement in dialect.unprotect("deployments"):
        op.execute(statement)
    op.drop_table("deployments")


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
