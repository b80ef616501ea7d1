"""The notes, in one SQLite file that web and worker share."""

import os
import sqlite3
from pathlib import Path

# VOLUME_DATA says where the volume /data is; without one, the file lies in the current directory.
PATH = os.environ.get("DATABASE") or str(Path(os.environ.get("VOLUME_DATA", "."), "notes.db"))


def connect() -> sqlite3.Connection:
    """Return a connection; `migrate.py` has made the tables."""
    connection = sqlite3.connect(PATH, timeout=10)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    return connection
