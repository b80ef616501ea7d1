import os
import select
import sqlite3
import subprocess
import sys

import pytest

from sternway.core import errors
from sternway.store import apart, dialect, schema
from sternway.store.ledger import SqlStore
from tests.store.samples import AT


async def test_a_new_database_gets_its_schema_from_another_process(database, secrets):
    store = SqlStore(database, secrets, upgrade=apart.upgrade)
    async with store.run(), store.write() as ledger:
        assert await ledger.leases.take("me", AT) == 1
    assert schema.is_newest(dialect.url_of(database))


def test_a_schema_that_is_up_to_date_needs_no_process(migrated, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    apart.upgrade(dialect.url_of(migrated), 1)


def test_what_goes_wrong_there_is_raised_here(database):
    url = dialect.url_of(database)
    schema.upgrade(url)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(errors.StoreUnavailable, match="not one that this version knows") as caught:
        apart.upgrade(url, 1)
    assert "newer" in caught.value.hint


def test_a_process_that_fails_is_told_by_its_last_words(database, monkeypatch):
    monkeypatch.setattr(apart, "__name__", "sternway.store.nowhere")
    with pytest.raises(errors.StoreUnavailable, match=r"No module named sternway\.store\.nowhere"):
        apart.upgrade(dialect.url_of(database), 1)


def test_a_process_that_takes_too_long_is_given_up(database, monkeypatch):
    monkeypatch.setattr(apart, "TIMEOUT_S", 0.001)
    with pytest.raises(errors.StoreUnavailable, match="timed out"):
        apart.upgrade(dialect.url_of(database), 1)


def test_alembic_stays_out_of_the_process_that_asks(database):
    code = "import sys; from sternway.store import apart, dialect\n"
    code += f"apart.upgrade(dialect.url_of({str(database)!r}), 5); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


ASKS = """
import json, os, subprocess, sys
order = json.dumps({"url": "sqlite:///nowhere", "wait_s": 1, "asked_by": os.getpid()})
subprocess.run([sys.executable, "-c", sys.argv[1]], input=order, text=True)
"""
MIGRATES = """
import os, sys, time
from sternway.store import apart, schema
schema.upgrade = lambda *_, **__: (print(os.getpid(), flush=True), time.sleep(60))
apart._answer(sys.stdin.read())
"""


def test_a_process_that_migrates_ends_with_the_one_that_asked():
    """It would go on in a database that somebody has put another in the place of."""
    asks = subprocess.Popen([sys.executable, "-c", ASKS, MIGRATES], stdout=subprocess.PIPE)
    assert asks.stdout
    with asks.stdout as said:
        migrates = os.pidfd_open(int(said.readline()))
        try:
            asks.kill()
            asks.wait(timeout=10)
            assert select.select([migrates], [], [], 10)[0] == [migrates]
        finally:
            os.close(migrates)
