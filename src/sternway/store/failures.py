"""Turns the errors of SQLAlchemy and its drivers into those of the core."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc as sql

from sternway.core import errors

# What SQLite says (PostgreSQL will add its own words), and what a person can do about it.
_HINTS = {
    "full": "free space on the disk of the store",
    "locked": "another program writes to the store; try again",
    "not a database": "the file is damaged or something else; restore it from a backup",
    "malformed": "the file is damaged; restore it from a backup",
    "unable to open": "check that the directory exists and is writable",
    "readonly": "make the file of the store writable",
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise Conflict for a row that the ledger refuses, and StoreUnavailable if the database does not work."""
    try:
        yield
    except sql.IntegrityError as exc:
        raise errors.Conflict(f"the ledger refused a row: {exc.orig}") from exc
    except sql.DBAPIError as exc:
        raise unavailable(str(exc.orig)) from exc
    except sql.TimeoutError as exc:
        raise errors.StoreUnavailable("store: all connections are in use", hint="try again") from exc


def unavailable(reason: str) -> errors.StoreUnavailable:
    """Say what a database said, and what to do."""
    hint = next((hint for word, hint in _HINTS.items() if word in reason), "")
    return errors.StoreUnavailable(f"store: {reason}", hint=hint)
