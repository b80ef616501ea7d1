"""Runs of release commands, and which rollbacks asked for those that undo.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

from sternway.store import dialect

revision = "0005"
down_revision: str | None = "0004"

TABLES = ("command_runs",)
COLUMNS = {"promotions": ("run_rollback_commands",)}


def upgrade() -> None:
    op.add_column("promotions", sa.Column("run_rollback_commands", sa.Boolean))
    op.create_table(
        "command_runs",
        sa.Column("id", _number(), primary_key=True, autoincrement=True),
        sa.Column("app_id", _number(), nullable=False),
        sa.Column("promotion_id", _number(), nullable=False),
        sa.Column("release_id", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("process_id", sa.Text, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("cause", sa.Text, nullable=False),
        *(_foreign(column, target) for column, target in _TARGETS.items()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_command_runs_promotion_id_id", "command_runs", ["promotion_id", "id"])
    op.create_index("ix_command_runs_app_id_status_id", "command_runs", ["app_id", "status", "id"])
    for statement in dialect.insert_only("command_runs"):
        op.execute(statement)


def downgrade() -> None:
    for statement in dialect.unprotect("command_runs"):
        op.execute(statement)
    op.drop_table("command_runs")
    op.drop_column("promotions", "run_rollback_commands")


_TARGETS = {"app_id": "apps.id", "promotion_id": "promotions.id", "release_id": "releases.id"}


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _foreign(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_command_runs_{column}")
