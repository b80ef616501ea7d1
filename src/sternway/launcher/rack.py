"""The rack as a process: start a version of it, find the one that runs, ask it, stop it."""

import contextlib
import http.client
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sternway.launcher import files
from sternway.launcher.files import Files

STOP_S = 30.0
"""How long a rack may take to end its last requests before it is killed, which loses nothing but those."""
ASK_S = 2.0
LAST_BYTES = 2000

LOOK_AGAIN_S = 0.05


class Failed(Exception):
    """A version could not do what it was told; the message says why, in words for people."""


@dataclass(slots=True)
class Running:
    """A rack that runs. `process` is there if this launcher started it."""

    pid: int
    descriptor: int
    version: str
    process: "subprocess.Popen[bytes] | None" = None

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Tell whether it has ended, waiting so long for it."""
        return bool(select.select([self.descriptor], [], [], within_s)[0])

    def exit_code(self) -> int | None:
        """Return how it ended; None for one that another launcher had started."""
        return self.process.wait(timeout=ASK_S) if self.process else None

    def stop(self) -> None:
        """Have it end its requests and stop; after half a minute it is killed."""
        self._send(signal.SIGTERM)
        if not self.has_ended(STOP_S):
            self._send(signal.SIGKILL)
            self.has_ended(STOP_S)
        self.close()

    def close(self) -> None:
        """Let go of one that has ended."""
        if self.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=ASK_S)
        os.close(self.descriptor)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)


class Racks:
    """Starts and finds the rack of one data directory. `arguments` are passed on to every version."""

    def __init__(self, of: Files, arguments: Sequence[str]) -> None:
        self._files = of
        self._arguments = tuple(arguments)

    def start(self, version: str) -> Running:
        """Start a version; raises Failed if there is nothing to start."""
        command = [str(self._files.program(version)), "--data", str(self._files.root), *self._arguments, "--launched"]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as exc:
            raise Failed(f"version {version} cannot be started: {exc.strerror}") from exc
        return Running(process.pid, os.pidfd_open(process.pid), version, process)

    def find(self) -> Running | None:
        """Return the rack that an earlier launcher left running."""
        try:
            told = files.read(self._files.process)
        except ValueError:
            return None
        if told is None:
            return None
        pid, ticks = int(told["pid"]), int(told["started_at_ticks"])
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        # Compared after it was opened: the descriptor stays with this process whatever becomes of the pid.
        if _started_at_ticks(pid) == ticks:
            return Running(pid, descriptor, str(told.get("version", "")))
        os.close(descriptor)
        return None

    def wait_until_healthy(self, running: Running, within_s: float) -> None:
        """Wait until the *running* process says that it is this version; raises Failed."""
        deadline = time.monotonic() + within_s
        said = ""
        while time.monotonic() < deadline:
            if running.has_ended(LOOK_AGAIN_S):
                raise Failed(f"version {running.version} ended with {running.exit_code()} while it started")
            said = self.ask()
            if said == running.version:
                return
        answer = f"it says that it is {said}" if said else "it does not answer"
        raise Failed(f"version {running.version} was not healthy within {within_s:g} s: {answer}")

    def ask(self) -> str:
        """Return the version that the process which serves says it is; nothing if none answers."""
        try:
            with contextlib.closing(_Connection(self._files.root / "api.sock")) as connection:
                connection.request("GET", "/check")
                answer = connection.getresponse()
                answer.read()
                return answer.getheader("Sternway-Version") or "" if answer.status == 200 else ""
        except (OSError, http.client.HTTPException):
            return ""

    def run(self, version: str, *words: str, within_s: float) -> None:
        """Run a version's program for one task; raises Failed with the last that it said."""
        command = [str(self._files.program(version)), *words]
        try:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=within_s,
            )
        except subprocess.TimeoutExpired as exc:
            raise Failed(f"version {version} was not done within {within_s:g} s: {words[0]}") from exc
        except OSError as exc:
            raise Failed(f"version {version} cannot be started: {exc.strerror}") from exc
        if done.returncode:
            raise Failed(_last_line(done.stdout) or f"version {version} ended with {done.returncode}: {words[0]}")


class _Connection(http.client.HTTPConnection):
    """A connection to the socket that the rack's API answers on."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ASK_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ASK_S)
        self.sock.connect(str(self._path))


def _last_line(output: bytes) -> str:
    lines = [line for line in output[-LAST_BYTES:].decode(errors="replace").splitlines() if line.strip()]
    hints = [line for line in lines if not line.startswith("hint: ")]
    return hints[-1].strip() if hints else ""


def _started_at_ticks(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # Field 22; the name in the second may hold spaces and parentheses.
    return int(text.rpartition(")")[2].split()[19])
