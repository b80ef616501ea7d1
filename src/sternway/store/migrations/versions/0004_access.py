"""Users, deploy tokens, browsers that are signed in, and keys that sign the contract's tokens.

Revision: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sternway.store import dialect

revision = "0004"
down_revision: str | None = "0003"

TABLES = ("users", "deploy_tokens")
UNMISSED = ("sign_ins", "signing_keys")
"""What nobody misses who goes back: one has to sign in again."""


def upgrade() -> None:
    _granted(
        "users",
        _text("name"),
        _text("password"),
        _text("invitation"),
        sa.Column("invited_until", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_users_name_id", "users", ["name", "id"])
    _granted(
        "deploy_tokens",
        _text("token_id"),
        _text("name"),
        _text("secret"),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_deploy_tokens_token_id_id", "deploy_tokens", ["token_id", "id"])
    _table(
        "sign_ins",
        _text("name"),
        _text("secret"),
        _text("credential"),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
    )
    op.create_index("ix_sign_ins_secret_id", "sign_ins", ["secret", "id"])
    op.create_index("ix_sign_ins_name_secret_id", "sign_ins", ["name", "secret", "id"])
    _table("signing_keys", sa.Column("key", sa.LargeBinary, nullable=False))
    for table in (*TABLES, *UNMISSED):
        for statement in dialect.insert_only(table):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed((*TABLES, *UNMISSED)):
        for statement in dialect.unprotect(table):
            op.execute(statement)
        op.drop_table(table)


def _granted(name: str, *columns: sa.Column[Any]) -> None:
    _table(
        name,
        *columns,
        _text("role"),
        sa.Column("apps", sa.Text, nullable=True),
        sa.Column("is_removed", sa.Boolean, nullable=False),
    )


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
