"""The supervisor of one process: start it, start it again when it ends by itself, and end it when told.

Single-threaded, driven by file descriptors: what the process prints, signals, and commands. Every change is
written to `state.json` and sent to whoever subscribed.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from sternway.supervisor import cgroup, child, control, freezer, order, output, session

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 30.0
STABLE_AFTER_S = 30.0
GROUP_POLL_S = 0.05
READ_BYTES = 64 * 1024
DRAIN_READS = 64
STATE = "state.json"
GIVEN_UP = "ended"
"""The engine leaves a file of this name where it has given up: a start that comes late must not happen."""


class Phase(StrEnum):
    """How the process stands. RESTARTING is STOPPING with a start afterwards; FROZEN: kept from running."""

    RUNNING = "running"
    FROZEN = "frozen"
    PAUSING = "pausing"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    ENDED = "ended"


class Supervisor:
    """One process, from its first start until it was told to end."""

    def __init__(self, wanted: order.Order) -> None:
        self._order = wanted
        self._phase = Phase.PAUSING
        self._pid = 0
        self._group = 0
        self._ticks = 0
        self._started_at = 0.0
        self._since = 0.0
        self._due = 0.0
        self._exits = 0
        self._quick_exits = 0
        self._last_exit: int | None = None
        self._memory_kills = 0
        self._is_out_of_memory = False

    def run(self, engine: socket.socket) -> None:
        """Keep the process running; returns once it was told to end it and did."""
        self._prepare(engine)
        self._publish()
        if os.path.exists(GIVEN_UP):
            return
        try:
            self._start()
            while self._phase is not Phase.ENDED:
                for key, _ in self._selector.select(self._wait_s()):
                    key.data()
                self._on_time()
        finally:
            self._leave_nothing()

    def _leave_nothing(self) -> None:
        """Also after an error that nobody expected: no process without its supervisor."""
        if self._group:
            child.signal_group(self._group, signal.SIGKILL)
            self._freezer.thaw()
            child.end_orphans()
        self._remove_groups()
        self._control.close()

    def _prepare(self, engine: socket.socket) -> None:
        os.chdir(self._order.directory)
        child.adopt_orphans()
        self._selector = selectors.DefaultSelector()
        self._boot = _boot_id()
        self._output = output.Output("log")
        for note in self._order.notes:
            self._output.write(note.encode() + b"\n")
        self._make_groups()
        self._freezer = freezer.Freezer(self._order.confinement.groups)
        self._printed, self._printing = os.pipe()
        os.set_blocking(self._printed, False)
        self._selector.register(self._printed, selectors.EVENT_READ, self._read)
        self._listen_to_signals()
        self._control = control.Control(self._selector, self._obey, self._execute)
        self._control.add(engine, is_subscribed=True)

    def _make_groups(self) -> None:
        """Make the control groups; a bound that cannot be set is said, and does not keep an app from running."""
        confinement = self._order.confinement
        try:
            for group in confinement.groups:
                cgroup.create(group, confinement.limits)
        except OSError as problem:
            self._remove_groups()
            self._order = replace(self._order, confinement=replace(confinement, groups=()))
            self._output.write(f"limits: not in force, since the control group cannot be made: {problem}\n".encode())

    def _remove_groups(self) -> None:
        for group in self._order.confinement.groups:
            cgroup.remove(group)

    def _listen_to_signals(self) -> None:
        self._signals, wakeup = socket.socketpair()
        for end in (self._signals, wakeup):
            end.setblocking(False)
        self._wakeup = wakeup
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(self._signals, selectors.EVENT_READ, self._on_signal)

    def _on_signal(self) -> None:
        if signal.SIGTERM in self._signals.recv(4096):
            self._obey("stop")
        if self._pid and child.has_exited(self._pid):
            self._on_exit()
        child.reap_orphans(keep=self._pid)

    def _obey(self, command: str) -> None:
        if command == "stop":
            self._end(Phase.STOPPING)
        elif command == "restart" and self._phase in (Phase.RUNNING, Phase.FROZEN, Phase.PAUSING):
            self._end(Phase.RESTARTING)
        elif command == "freeze":
            self._freeze()
        elif command == "thaw" and self._phase is Phase.FROZEN:
            self._freezer.thaw()
            self._phase = Phase.RUNNING
            self._publish()

    def _freeze(self) -> None:
        """Keep the process from running; one that is not up, or goes on all the same, is ended."""
        if self._phase is Phase.RUNNING and not child.has_exited(self._pid) and self._freezer.freeze():
            self._phase = Phase.FROZEN
            self._publish()
        elif self._phase is not Phase.FROZEN:
            self._end(Phase.STOPPING)

    def _execute(self, client: socket.socket, message: Mapping[str, object]) -> None:
        """Have a session run beside the process, seen to by a copy of this program; it ends with the process."""
        if self._phase is not Phase.RUNNING:
            session.refuse(client, session.NOT_RUNNING)
            return
        session.begin(self._order, self._pid, client, message)

    def _end(self, phase: Phase) -> None:
        """Begin to end the process; a restart that is under way becomes a stop, and keeps its deadline."""
        if self._phase in (Phase.STOPPING, Phase.ENDED):
            return
        if self._phase is not Phase.RESTARTING:
            self._due = time.monotonic() + self._order.grace_s
            if self._group:
                child.signal_group(self._group, signal.SIGTERM)
                child.signal_group(self._group, signal.SIGCONT)
            self._freezer.thaw()
        self._phase = phase
        self._publish()

    def _start(self) -> None:
        self._output.forget_last_line()
        self._memory_kills = cgroup.memory_kills(self._order.confinement.groups)
        self._pid = self._group = child.spawn(self._order, self._printing)
        self._ticks = child.start_ticks(self._pid)
        self._started_at, self._since = time.time(), time.monotonic()
        self._phase = Phase.RUNNING
        self._publish()

    def _on_exit(self) -> None:
        """The process ended. If it was not told to, what is left of its group would be in the way.

        One that was frozen is wanted by nobody just then, and not started again.
        """
        if self._phase in (Phase.RUNNING, Phase.FROZEN):
            child.signal_group(self._group, signal.SIGKILL)
        self._drain()
        confinement = self._order.confinement
        self._last_exit = child.reap(self._pid, is_sandboxed=bool(confinement.sandbox))
        self._is_out_of_memory = self._last_exit != 0 and cgroup.memory_kills(confinement.groups) > self._memory_kills
        self._pid = 0
        if self._phase is Phase.FROZEN or (self._phase is Phase.RUNNING and self._order.is_once):
            self._exits += 1
            self._on_gone()
        elif self._phase is Phase.RUNNING:
            self._pause()

    def _pause(self) -> None:
        child.end_orphans()
        self._group = 0
        self._exits += 1
        now = time.monotonic()
        self._quick_exits = 0 if now - self._since >= STABLE_AFTER_S else self._quick_exits + 1
        self._due = now + pause_s(self._quick_exits)
        self._phase = Phase.PAUSING
        self._publish()

    def _on_time(self) -> None:
        is_due = time.monotonic() >= self._due
        if self._phase is Phase.PAUSING and is_due:
            self._start()
        elif self._phase in (Phase.STOPPING, Phase.RESTARTING):
            if is_due and self._group:
                child.signal_group(self._group, signal.SIGKILL)
            if not self._is_there():
                self._on_gone()

    def _is_there(self) -> bool:
        if self._pid != 0 or not self._group:
            return self._pid != 0
        if self._order.confinement.sandbox:
            return child.is_in_sandbox(self._group)
        return child.signal_group(self._group, 0)

    def _on_gone(self) -> None:
        child.signal_group(self._group, signal.SIGKILL)
        self._freezer.thaw()
        child.end_orphans()
        self._drain()
        self._group = 0
        if self._phase is Phase.RESTARTING:
            self._quick_exits = 0
            self._start()
            return
        self._remove_groups()
        self._phase = Phase.ENDED
        self._publish()

    def _wait_s(self) -> float | None:
        if self._phase in (Phase.RUNNING, Phase.FROZEN):
            return None
        left = max(0.0, self._due - time.monotonic())
        if self._phase is Phase.PAUSING:
            return left
        return GROUP_POLL_S if self._pid == 0 or left == 0 else left

    def _read(self) -> bool:
        try:
            self._output.write(os.read(self._printed, READ_BYTES))
        except BlockingIOError:
            return False
        return True

    def _drain(self) -> None:
        for _ in range(DRAIN_READS):
            if not self._read():
                break
        self._output.end_line()

    def _publish(self) -> None:
        state = order.encode(
            {
                "protocol": order.PROTOCOL,
                "id": self._order.id,
                "phase": self._phase,
                "pid": self._pid,
                "start_ticks": self._ticks,
                "started_at": self._started_at,
                "exits": self._exits,
                "last_exit": self._last_exit,
                "last_line": self._output.last_line,
                "memory_exceeded_mib": self._order.confinement.limits.memory_mib if self._is_out_of_memory else None,
                "groups": self._order.confinement.groups,
                "supervisor_pid": os.getpid(),
                "supervisor_ticks": child.start_ticks(os.getpid()),
                "boot": self._boot,
            }
        )
        _replace(STATE, state)
        self._control.publish(state)


def pause_s(quick_exits: int) -> float:
    """Return how long to wait before the next start, after so many exits soon after a start."""
    doublings = min(max(quick_exits - 1, 0), 16)
    return min(FIRST_PAUSE_S * 2.0**doublings, LONGEST_PAUSE_S)


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _replace(path: str, content: bytes) -> None:
    """Write a file as a whole; on a full disk the old one stays, and states still go to subscribers."""
    try:
        with open(f"{path}.new", "wb") as file:
            file.write(content)
        os.rename(f"{path}.new", path)
    except OSError:
        return
