"""Brings the schema of a database to a revision, up or down.

Alembic is synchronous: call these in a thread, and before the engines of the store connect. It is imported
only when there is something to migrate: it takes 10 MB that an idle rack need not hold, and so `apart` has it
done in a process of its own.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sternway.core import errors
from sternway.store import dialect, failures

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "head"
NEWEST = "0006"
"""The revision that `head` means; a test holds it against the migrations."""
EMPTY = "base"
RETRY_S = 0.01

# Alembic keeps the migration that runs in variables of its modules, so one process runs one at a time.
_alembic = threading.Lock()


def upgrade(url: sa.URL, revision: str = HEAD, *, wait_s: float = 10) -> None:
    """Bring a database up to a revision, in one transaction; make the file if there is none.

    Several at once wait for each other. Raises StoreUnavailable, also for a schema that is newer than this
    version of Sternway.
    """
    if revision == HEAD and is_newest(url, wait_s=wait_s):
        return
    from alembic import command

    _migrate(url, lambda config: command.upgrade(config, revision), wait_s)


def is_newest(url: sa.URL, *, wait_s: float = 10) -> bool:
    """Tell whether there is nothing to migrate; make the file if there is none."""
    dialect.create_file(url)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return _revision(url, wait_s) == NEWEST
        except errors.StoreUnavailable as exc:
            # Of several that make a new file keep a log, SQLite refuses all but one without any wait.
            if "locked" not in exc.message or time.monotonic() > deadline:
                raise
        time.sleep(RETRY_S)


def downgrade(url: sa.URL, revision: str, *, wait_s: float = 10) -> None:
    """Bring a database down to a revision, in one transaction. What only the newer one can hold is lost."""
    from alembic import command

    _migrate(url, lambda config: command.downgrade(config, revision), wait_s)


def _revision(url: sa.URL, wait_s: float) -> str | None:
    """Return the revision that the database says it has, or None for one that says nothing."""
    with failures.translated(), begin(url, wait_s=wait_s) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(url: sa.URL, step: "Callable[[Config], None]", wait_s: float) -> None:
    from alembic.util.exc import CommandError

    with _alembic, failures.translated(), begin(url, wait_s=wait_s) as connection:
        try:
            step(_config(connection))
        except CommandError as exc:
            raise errors.StoreUnavailable(
                f"store: the schema is not one that this version knows: {exc}",
                hint="start the version of sternwayd that wrote it, or a newer one",
            ) from exc


@contextmanager
def begin(url: sa.URL, *, wait_s: float = 10) -> Iterator[sa.Connection]:
    """Open a synchronous transaction that may write, on a connection of its own."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, **dialect.engine_options(wait_s))
    dialect.speak_to(engine, may_write=True)
    with engine.begin() as connection:
        yield connection


def _config(connection: sa.Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    # Percent signs are doubled since Alembic reads options as configparser does.
    location = str(resources.files("sternway.store").joinpath("migrations"))
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
