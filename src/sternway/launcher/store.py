"""The rack's database as the launcher handles it: whole copies, never a row."""

import contextlib
import os
import sqlite3
from pathlib import Path

from sternway.launcher import files

Error = sqlite3.Error

WAIT_S = 30.0
WHOLE = -1
"""Copied in one step, in which nobody who writes is held up: between two steps a write would begin it anew."""
_BESIDE = ("-wal", "-shm", "-journal")


def copy(source: Path, to: Path) -> None:
    """Copy a database that may be in use, durably and whole or not at all; raises OSError and sqlite3.Error."""
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = to.with_name(f".{to.name}.part")
    discard(part)
    try:
        _copy(source, part)
        part.rename(to)
    finally:
        # On a full disk what was copied is the very room that the way back needs.
        discard(part)
    files.sync(to.parent)


def restore(snapshot: Path, to: Path) -> None:
    """Put a snapshot in the place of a database that nobody uses. It takes no room, and the snapshot is used up."""
    # What lies beside belongs to the database that goes: it must not be taken for the other's.
    for suffix in _BESIDE:
        to.with_name(to.name + suffix).unlink(missing_ok=True)
    files.sync(to.parent)
    snapshot.rename(to)
    files.sync(to.parent)
    files.sync(snapshot.parent)


def discard(database: Path) -> None:
    """Remove a database with all that lies beside it."""
    for suffix in ("", *_BESIDE):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _copy(source: Path, to: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=WAIT_S)) as original,
        contextlib.closing(sqlite3.connect(to, timeout=WAIT_S)) as fresh,
    ):
        original.backup(fresh, pages=WHOLE)
        fresh.execute("PRAGMA journal_mode=DELETE")
    to.chmod(0o600)
    _sync(to)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
