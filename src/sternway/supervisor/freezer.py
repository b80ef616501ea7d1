"""Keeps a process and all that it started from running, just as they are, and lets them run again.

A control group is frozen as a whole by the kernel. Where the process has none, each of them is sent a signal that
nobody can ignore. One that was stopped before, as by the app itself, stays stopped afterwards.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from sternway.supervisor import cgroup, child

FREEZES_WITHIN_S = 1.0
POLL_S = 0.001
STOPPED = b"TtZX"
HELD = STOPPED + b"D"
"""States of a thread that runs none of its program. One that waits for a disk (D) stops before it goes on."""


class Freezer:
    """What keeps one process from running, or could."""

    def __init__(self, groups: Sequence[str]) -> None:
        self._group = cgroup.freezable(groups)
        self._stopped_before: set[int] = set()
        self._is_used = False

    def freeze(self) -> bool:
        """Keep everything below this program from running; False, and nothing changed, if it goes on after all."""
        self._is_used = True
        if self._group:
            is_done = _within(self._freeze_group)
        else:
            self._stopped_before = {pid for pid in _below() if _is_stopped(child.states(pid))}
            is_done = _within(_Halting().is_done)
        if not is_done:
            self.thaw()
        return is_done

    def thaw(self) -> None:
        """Let it run again; called twice it does nothing more."""
        if self._is_used and self._group:
            with contextlib.suppress(OSError):
                cgroup.thaw(self._group)
        elif self._is_used:
            _signal(set(_below()) - self._stopped_before, signal.SIGCONT)
        self._is_used = False

    def _freeze_group(self) -> bool:
        try:
            return cgroup.freeze(self._group)
        except OSError:
            return False


class _Halting:
    """Stops everybody, until nobody is found that runs, or was not there the time before.

    Who runs may start others, and may end and leave others to somebody that was looked at already.
    """

    def __init__(self) -> None:
        self._seen: set[int] | None = None

    def is_done(self) -> bool:
        there = {pid: child.states(pid) for pid in _below()}
        _signal((pid for pid, states in there.items() if not _is_stopped(states)), signal.SIGSTOP)
        if not all(set(states) <= set(HELD) for states in there.values()):
            self._seen = None
            return False
        before, self._seen = self._seen, set(there)
        return before == self._seen


def _within(is_done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + FREEZES_WITHIN_S
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _is_stopped(states: bytes) -> bool:
    return set(states) <= set(STOPPED)


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _below() -> Iterator[int]:
    """Yield all processes below this program."""
    left = child.children(os.getpid())
    while left:
        pid = left.pop()
        yield pid
        left += child.children(pid)
