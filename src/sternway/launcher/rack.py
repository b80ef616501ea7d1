"""The rack as a process: start a version of it, find the one that runs, ask it, stop it."""

import contextlib
import ctypes
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sternway.launcher import files
from sternway.launcher.files import Files

STOP_S = 30.0
"""How long a rack may take to end its last requests before it is killed, which loses nothing but those."""
ASK_S = 2.0
LAST_BYTES = 2000
PIPE_BYTES = 65536
LOOK_AGAIN_S = 0.05
PR_SET_PDEATHSIG = 1
CLOSED = -1


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

    def stop(self, within_s: float = STOP_S) -> None:
        """Have it end its requests and stop; killed if it does not. Called twice it does nothing more."""
        if self.descriptor == CLOSED:
            return
        self._send(signal.SIGTERM)
        if not self.has_ended(within_s):
            self._send(signal.SIGKILL)
            self.has_ended(STOP_S)
        self.close()

    def close(self) -> None:
        """Let go of one that has ended. Called twice it does nothing more."""
        if self.descriptor == CLOSED:
            return
        if self.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=ASK_S)
        os.close(self.descriptor)
        self.descriptor = CLOSED

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)


class Attended:
    """The rack that serves while another version is tried. It is started again once if it crashes meanwhile."""

    def __init__(self, racks: "Racks", running: Running | None, is_asked_to_stop: Callable[[], bool]) -> None:
        self.running = running
        self._racks = racks
        self._is_asked_to_stop = is_asked_to_stop
        self._has_crashed = False

    def look(self) -> None:
        """See to it that it runs; raises Failed if the trial has to end for that."""
        if self._is_asked_to_stop():
            raise Failed("the launcher was asked to stop")
        running = self.running
        if running is None or not running.has_ended():
            return
        if running.exit_code() == 0 or self._has_crashed:
            raise Failed("the rack ended meanwhile")
        running.close()
        self._has_crashed, self.running = True, None
        self.running = self._racks.start(running.version)


class Racks:
    """Starts and finds the rack of one data directory. `arguments` are passed on to every version."""

    def __init__(self, of: Files, arguments: Sequence[str]) -> None:
        self._files = of
        self._arguments = tuple(arguments)

    def start(self, version: str) -> Running:
        """Start a version; raises Failed if there is nothing to start."""
        command = [str(self._files.program(version)), "--data", str(self._files.root), *self._arguments, "--launched"]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=lambda: _leave_word(self._files.started, version),  # noqa: PLW1509 - there is one thread
            )
        except OSError as exc:
            raise Failed(f"version {version} cannot be started: {exc.strerror}") from exc
        return Running(process.pid, _descriptor_of(process), version, process)

    def has_signed_off(self) -> bool:
        """Tell whether the rack that ended took its record away, as one does that was asked to end."""
        return not self._files.process.exists()

    def find(self) -> Running | None:
        """Return the rack that an earlier launcher left running, or was just starting when it ended."""
        return _alive(self._files.process) or _alive(self._files.started)

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
            with contextlib.closing(_Connection(self._files.api_socket)) as connection:
                connection.request("GET", "/check")
                answer = connection.getresponse()
                answer.read()
                return answer.getheader("Sternway-Version") or "" if answer.status == 200 else ""
        except (OSError, http.client.HTTPException):
            return ""

    def run(self, version: str, *words: str, within_s: float, attend: Callable[[], None] = lambda: None) -> None:
        """Run a version's program for one task; raises Failed with the last that it said.

        `attend` is called again and again meanwhile, and may raise Failed to end the task. The task ends with
        this launcher too: the next one must not find it at work.
        """
        command = [str(self._files.program(version)), *words]
        try:
            task = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_tied_to_this_process(),  # noqa: PLW1509 - there is one thread
            )
        except OSError as exc:
            raise Failed(f"version {version} cannot be started: {exc.strerror}") from exc
        output = _Output(task)
        try:
            _follow(task, output, time.monotonic() + within_s, attend)
        except TimeoutError as exc:
            raise Failed(f"version {version} was not done within {within_s:g} s: {words[0]}") from exc
        finally:
            _end(task)
            output.close()
        if task.returncode:
            raise Failed(_last_line(output.last) or f"version {version} ended with {task.returncode}: {words[0]}")


class _Output:
    """The last that a task said. It may say as much as it likes."""

    def __init__(self, task: "subprocess.Popen[bytes]") -> None:
        assert task.stdout
        self._pipe = task.stdout
        self.last = b""

    def read(self, within_s: float) -> None:
        """Read what there is, waiting so long for something."""
        if not select.select([self._pipe], [], [], within_s)[0]:
            return
        chunk = os.read(self._pipe.fileno(), PIPE_BYTES)
        self.last = (self.last + chunk)[-LAST_BYTES:]
        if not chunk:
            time.sleep(within_s)

    def close(self) -> None:
        """Read what is left, and let go of it."""
        self.read(0)
        self._pipe.close()


def _follow(task: "subprocess.Popen[bytes]", output: _Output, deadline: float, attend: Callable[[], None]) -> None:
    while task.poll() is None:
        if time.monotonic() > deadline:
            raise TimeoutError
        output.read(LOOK_AGAIN_S)
        attend()


def _end(task: "subprocess.Popen[bytes]") -> None:
    """Kill a task that has not ended, with all that it started."""
    if task.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(task.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            task.wait(timeout=ASK_S)


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


def _alive(record: Path) -> Running | None:
    """Return the process that a file tells of, if it still runs."""
    try:
        told = files.read(record) or {}
        pid, ticks = int(told["pid"]), int(told["started_at_ticks"])
        descriptor = os.pidfd_open(pid)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    # Compared after it was opened: the descriptor stays with this process whatever becomes of the pid.
    if _started_at_ticks(pid) == ticks:
        return Running(pid, descriptor, str(told.get("version", "")))
    os.close(descriptor)
    return None


def _started_at_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the machine did; None if it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # From the third field on; the name in the second may hold spaces and parentheses.
    told = text.rpartition(")")[2].split()
    return None if told[0] in "ZX" else int(told[19])


def _leave_word(path: Path, version: str) -> None:
    """Tell which process this is, which is about to become a rack.

    It does so itself: a launcher that is killed just now has no time for it, and the next one would take the
    store from under a rack that it knows nothing of.
    """
    told = {"pid": os.getpid(), "started_at_ticks": _started_at_ticks(os.getpid()), "version": version}
    with contextlib.suppress(OSError):  # on a full disk a rack that runs is worth more than word of it
        new = path.with_name(f".{path.name}.new")
        new.write_text(json.dumps(told))
        new.rename(path)


def _tied_to_this_process() -> Callable[[], None]:
    """Return what a child calls so that the kernel kills it with this process."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def _descriptor_of(process: "subprocess.Popen[bytes]") -> int:
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait(timeout=ASK_S)
        raise
