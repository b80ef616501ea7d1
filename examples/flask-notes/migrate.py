"""Brings the database up to date: each migration is run once, in order. Run before a new release starts."""

from contextlib import closing

import database

MIGRATIONS = (
    "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, words INTEGER)",
    "CREATE INDEX IF NOT EXISTS uncounted ON notes (id) WHERE words IS NULL",
)


def migrate() -> None:
    """Run those that are missing, all or none. SQLite itself remembers how many there were."""
    with closing(database.connect()) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        (done,) = connection.execute("PRAGMA user_version").fetchone()
        for migration in MIGRATIONS[done:]:
            print(migration)
            connection.execute(migration)
        connection.execute(f"PRAGMA user_version = {max(done, len(MIGRATIONS))}")


if __name__ == "__main__":
    migrate()
