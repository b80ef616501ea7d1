"""Counts the words of every note that is new."""

import signal
import sys
import time
from contextlib import closing

import database

PAUSE_S = 0.2


def count_words() -> None:
    """Count those of all notes that have yet to be counted."""
    with closing(database.connect()) as connection, connection:
        for note in connection.execute("SELECT * FROM notes WHERE words IS NULL").fetchall():
            connection.execute("UPDATE notes SET words = ? WHERE id = ?", [len(note["text"].split()), note["id"]])
            print(f"counted note {note['id']}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        count_words()
        time.sleep(PAUSE_S)
