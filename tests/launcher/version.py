#!/usr/bin/env python3
"""A version of the rack as the launcher sees one, that behaves as its about.json says.

Its store is a table of rows; schema 2 has one more column. `behaviour`: healthy, refuses (ends at once), deaf (never
answers), brief (ends soon after it was healthy), untried (fails its trial), slow (takes its time for it), endless
(never ends it), oneway (cannot take its schema down), sluggish (takes its time before it is known as a rack).

It reaches moments, on the copy of a trial too. Where `kill-at` beside its about.json names one, it kills there itself
or the launcher that started it.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ABOUT = json.loads((HERE / "about.json").read_text())
WORDS = sys.argv[1:]


def after(word: str) -> str:
    return WORDS[WORDS.index(word) + 1]


DATA = Path(after("--data"))


def reach(moment: str) -> None:
    place = "copy " if DATA.parent.name == "launcher" else ""
    told = HERE / "kill-at"
    if told.exists() and json.loads(told.read_text())["at"] == place + moment:
        victim = json.loads(told.read_text())["victim"]
        told.unlink()
        os.kill(os.getpid() if victim == "version" else os.getppid(), signal.SIGKILL)


def opened() -> sqlite3.Connection:
    return sqlite3.connect(DATA / "store" / "rack.db", timeout=10, isolation_level=None)


def migrate(schema: int) -> None:
    with contextlib.closing(opened()) as store:
        store.execute("PRAGMA journal_mode=WAL")
        there = store.execute("PRAGMA user_version").fetchone()[0]
        if there > schema:
            sys.exit(f"sternwayd: the store has schema {there}, and this version knows {schema}")
        store.execute("BEGIN IMMEDIATE")
        store.execute("CREATE TABLE IF NOT EXISTS rows (text TEXT)")
        if there < 2 <= schema:
            store.execute("ALTER TABLE rows ADD COLUMN more TEXT")
            reach("migrating")
        store.execute(f"PRAGMA user_version={schema}")
        store.execute("COMMIT")
        reach("migrated")


def downgrade(schema: int) -> None:
    if ABOUT["behaviour"] == "oneway":
        sys.exit("sternwayd: it cannot go back")
    with contextlib.closing(opened()) as store:
        if store.execute("PRAGMA user_version").fetchone()[0] <= schema:
            return
        stranded = store.execute("SELECT text, more FROM rows WHERE more IS NOT NULL").fetchall()
        if stranded and "--export" not in WORDS:
            sys.exit(f"sternwayd: schema {schema} cannot hold {len(stranded)} rows")
        if stranded:
            path = Path(after("--export"))
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(stranded))
        store.execute("BEGIN IMMEDIATE")
        store.execute("ALTER TABLE rows DROP COLUMN more")
        reach("downgrading")
        store.execute(f"PRAGMA user_version={schema}")
        store.execute("COMMIT")
        reach("downgraded")


def answer(listener: socket.socket) -> None:
    while True:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                line = connection.makefile("rb").readline().decode()
                if line.startswith("POST /"):
                    with contextlib.closing(opened()) as store:
                        store.execute("INSERT INTO rows (text) VALUES (?)", (line.split()[1].removeprefix("/"),))
                head = f"HTTP/1.1 200 OK\r\nSternway-Version: {ABOUT['version']}\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(head.encode())


def ticks() -> int:
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


def serve() -> None:
    if ABOUT["behaviour"] == "refuses":
        sys.exit("sternwayd: no")
    if ABOUT["behaviour"] == "sluggish":
        time.sleep(1)
    with (DATA / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        told = {"pid": os.getpid(), "started_at_ticks": ticks(), "version": ABOUT["version"]}
        (DATA / "rackd.json.new").write_text(json.dumps(told))
        (DATA / "rackd.json.new").rename(DATA / "rackd.json")
        migrate(int(ABOUT["schema"]))
        if ABOUT["behaviour"] != "deaf":
            (DATA / "launcher" / "accepting").write_text(ABOUT["version"])
            reach("accepting")
            (DATA / "api.sock").unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(DATA / "api.sock"))
                listener.listen()
                threading.Thread(target=answer, args=(listener,), daemon=True).start()
                reach("serving")
                wait()
        wait()


def wait() -> None:
    if ABOUT["behaviour"] == "brief":
        time.sleep(0.2)
        os._exit(7)
    signal.sigwait({signal.SIGTERM})
    reach("ending")
    (DATA / "rackd.json").unlink()
    os._exit(0)


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
if "--trial" in WORDS:
    if ABOUT["behaviour"] == "untried":
        sys.exit("sternwayd: it does not work on a copy\nhint: none")
    if ABOUT["behaviour"] == "slow":
        time.sleep(0.5)
    if ABOUT["behaviour"] == "endless":
        (DATA / "task").write_text(str(os.getpid()))
        time.sleep(600)
    migrate(int(ABOUT["schema"]))
elif "--downgrade-to" in WORDS:
    downgrade(int(after("--downgrade-to")))
else:
    serve()
