"""Apps that were deleted and came back.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

from sternway.store import dialect

revision = "0003"
down_revision: str | None = "0002"

TABLES = ("app_standings",)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "app_standings",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("app_id", sa.Integer, sa.ForeignKey("apps.id", name="fk_app_standings_app_id"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_reason", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_app_standings_app_id_id", "app_standings", ["app_id", "id"])
    for statement in dialect.insert_only("app_standings"):
        op.execute(statement)


def downgrade() -> None:
    """What was restored is deleted again for a version that does not know of it; its rows all stay."""
    for statement in dialect.unprotect("app_standings"):
        op.execute(statement)
    op.drop_table("app_standings")
