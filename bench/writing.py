"""Making a release: the API's `env set`, beside one bare durable insert into a database on the same disk."""

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from bench import rollback
from bench.figures import Row, interleaved
from bench.place import Place, RackInUse


def measure(here: Place) -> list[Row]:
    """Make releases and bare rows in turn; none is promoted."""
    with here.rack() as rack, contextlib.closing(_database(here.directory / "bare.db")) as database:
        rack.deploy(rollback.APP, rollback.HELLO)
        rack.wait_until_at_rest(rollback.APP, rollback.PROCESSES)
        measured = {"bare": _insert(database), "api": _env_set(rack)}
        figures = interleaved(here.rounds(200, 20), measured, warm_up=5)
    return [Row("write", "env set by the API", "ms", figures["api"], "bare insert", figures["bare"])]


def _env_set(rack: RackInUse) -> Callable[[], float]:
    numbers = itertools.count()

    def once() -> float:
        text = f"GREETING=hello\nNUMBER={next(numbers)}"
        began = time.perf_counter()
        rack.set_environment(rollback.APP, text)
        return (time.perf_counter() - began) * 1000

    return once


def _database(path: Path) -> sqlite3.Connection:
    """Open a database that is as durable as the rack's."""
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE releases (id INTEGER PRIMARY KEY, env TEXT)")
    return database


def _insert(database: sqlite3.Connection) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        database.execute("INSERT INTO releases (env) VALUES (?)", ("GREETING=hello" * 8,))
        return (time.perf_counter() - began) * 1000

    return once
