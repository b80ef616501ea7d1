"""A data directory with versions that behave as they are told, and a launcher as a process of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sternway.launcher import files
from sternway.launcher.files import Files
from sternway.launcher.state import Record, Step

VERSION = Path(__file__).with_name("version.py")
OLD, NEW, NEWER = "20260101000000", "20260201000000", "20260301000000"
PATIENCE_S = 20.0
PATIENT_S = 60.0
"""What the launcher gives a start, as it does for people."""


class Rig:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = Files(root)
        self.order_to_die = root / "die-at"
        self._process: subprocess.Popen[bytes] | None = None
        for directory in ("store", "keys", "launcher", "versions"):
            (root / directory).mkdir(parents=True)
        self.files.key.write_text("key")
        with contextlib.closing(sqlite3.connect(self.files.store, isolation_level=None)) as store:
            store.execute("CREATE TABLE rows (text TEXT)")
            store.execute("PRAGMA user_version=1")

    def version(self, name: str, *, schema: int = 1, behaviour: str = "healthy") -> str:
        program = self.files.program(name)
        program.parent.mkdir(parents=True)
        shutil.copy(VERSION, program)
        program.write_text(program.read_text().replace("#!/usr/bin/env python3", f"#!{sys.executable} -IS"))
        program.chmod(0o755)
        about = {"version": name, "schema": str(schema), "behaviour": behaviour}
        (self.files.versions / name / "about.json").write_text(json.dumps(about))
        return name

    def activate(self, version: str) -> None:
        files.write(self.files.state, {"protocol": files.PROTOCOL, "active": version, "update": None})

    def command(self) -> list[str]:
        return [sys.executable, "-m", "sternway.launcher", "--data", str(self.root)]

    def start(self, healthy_within_s: float = PATIENT_S) -> None:
        """Start a launcher; a start of a version may take long on a busy machine."""
        bounds = ["--watch", "0.4", "--healthy-within", f"{healthy_within_s:g}"]
        variables = {**os.environ, "STERNWAY_LAUNCHER_DIE_AT": str(self.order_to_die)}
        self._process = subprocess.Popen([*self.command(), *bounds], env=variables)

    def be_impatient(self) -> None:
        """Go on with a launcher that waits for no version longer than a second."""
        self.kill()
        self.start(1)

    def order(self, target: str, *, accept_export: bool = False, id: str = "u1") -> None:
        content = {"id": id, "target": target, "by": "ann", "reason": "ticket 42", "at": "2026-02-01T00:00:00+00:00"}
        files.write(self.files.order, content | {"accept_export": accept_export})

    def outcome(self, id: str = "u1") -> dict[str, Any]:
        """Wait until an update has ended, and return how."""
        return dict(self.until(lambda: files.read(self.files.outcomes / f"{id}.json")) or {})

    def until(self, happened: Any, within_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if found := happened():
                return found
            time.sleep(0.02)
        raise AssertionError("it did not happen")

    def serves(self, version: str) -> bool:
        """Wait until the running process says that it is this version."""
        return bool(self.until(lambda: self.ask() == version))

    def ask(self, request: str = "GET /check") -> str:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.root / "api.sock"))
            connection.sendall(f"{request} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = connection.makefile("rb").read().decode()
            return head.partition("Sternway-Version: ")[2].partition("\r\n")[0]
        return ""

    def insert(self, text: str) -> None:
        """Have the version that serves acknowledge a row."""
        assert self.ask(f"POST /{text}")

    def rows(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.files.store, timeout=5)) as store:
            return [text for (text,) in store.execute("SELECT text FROM rows ORDER BY text")]

    def schema(self) -> int:
        with contextlib.closing(sqlite3.connect(self.files.store, timeout=5)) as store:
            return int(store.execute("PRAGMA user_version").fetchone()[0])

    def step(self) -> Step | None:
        """Return where the update is."""
        update = Record(self.files).load().update
        return update.step if update else None

    def cause(self) -> str:
        """Return why the update that is under way is taken back."""
        update = Record(self.files).load().update
        return update.cause if update else ""

    def rack(self) -> int:
        """Return the pid of the rack that runs."""
        return int(json.loads(self.files.process.read_text())["pid"])

    def has_died(self) -> bool:
        assert self._process
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=PATIENCE_S)
        return self._process.poll() is not None

    def at(self, step: Step, number: signal.Signals) -> None:
        """Have the launcher give itself a signal once it comes to a step."""
        self.order_to_die.write_text(f"{step} {number.name}")

    def kill_at(self, version: str, moment: str, victim: str) -> None:
        """Have a version kill itself, or the launcher that started it, at a moment."""
        (self.files.versions / version / "kill-at").write_text(json.dumps({"at": moment, "victim": victim}))

    def is_killed_at_moment(self, version: str) -> bool:
        return not (self.files.versions / version / "kill-at").exists()

    def until_it_halts(self) -> None:
        """Wait until the launcher has come to the step at which it stops itself."""
        assert self._process
        stat = Path(f"/proc/{self._process.pid}/stat")
        self.until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")

    def go_on(self) -> None:
        """Let a launcher go on that has stopped itself."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def racks(self) -> list[int]:
        """Return every process that is a version of this rack, or a task of one."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if self._is_mine(path)]

    def _is_mine(self, path: Path) -> bool:
        with contextlib.suppress(OSError):
            return f"{self.files.versions}/" in path.read_text()
        return False

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait(timeout=5)

    def stop(self) -> None:
        """End the launcher and its rack."""
        if self._process and self._process.poll() is None:
            self.go_on()
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)
        self._end_rack()

    def _end_rack(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = self.rack()
            if str(self.root) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, 9)


@contextlib.contextmanager
def rig_in(directory: Path) -> Iterator[Rig]:
    rig = Rig(directory)
    try:
        yield rig
    finally:
        rig.stop()
