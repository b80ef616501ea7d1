"""Control groups, versions 1 and 2: what bounds memory, processor and tasks of a process and all that it starts.

A group is a directory. Which version it is of shows in the files that the kernel puts there.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass

CPU_PERIOD_US = 100_000
LEAST_QUOTA_US = 1_000
EMPTY_WITHIN_S = 2.0
POLL_S = 0.005
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process with all that it starts. None is no bound; a task is a process or a thread."""

    memory_mib: int | None = None
    cpu_millis: int | None = None
    tasks: int | None = None


def create(group: str, limits: Limits) -> None:
    """Make the group below its parent and bound it; raises OSError."""
    parent = os.path.dirname(group)
    for _ in range(_TRIES):
        # Whoever ends last removes the parent, which may be just now.
        os.makedirs(parent, exist_ok=True)
        _delegate(os.path.dirname(parent))
        _delegate(parent)
        with contextlib.suppress(FileNotFoundError):
            os.makedirs(group, exist_ok=True)
            break
    for file, value in _settings(limits):
        path = os.path.join(group, file)
        if os.path.exists(path):
            _write(path, value)


def enter(group: str, pid: int = 0) -> None:
    """Put a process into the group, by default this one; raises OSError."""
    _write(os.path.join(group, "cgroup.procs"), str(pid))


def memory_kills(groups: Iterable[str]) -> int:
    """Return how many processes of the groups the kernel has killed, because there was no memory left for them."""
    for group in groups:
        for file in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError, ValueError), open(os.path.join(group, file)) as lines:
                return int(dict(line.split() for line in lines)["oom_kill"])
    return 0


def freezable(groups: Iterable[str]) -> str:
    """Return the group that can be frozen; nothing if none can, as where version 1 lends no freezer."""
    return next((group for group in groups if any(os.path.exists(path) for path in _switches(group))), "")


def freeze(group: str) -> bool:
    """Have nobody in the group run, and tell whether that is so yet; raises OSError."""
    old, new = _switches(group)
    if os.path.exists(new):
        _write(new, "1")
        with open(os.path.join(group, "cgroup.events")) as lines:
            return "frozen 1\n" in lines
    _write(old, "FROZEN")
    with open(old) as state:
        return state.read().strip() == "FROZEN"


def thaw(group: str) -> None:
    """Let who is in the group run again; nothing for a group that cannot be frozen. Raises OSError."""
    for path, value in zip(_switches(group), ("THAWED", "0"), strict=True):
        if os.path.exists(path):
            _write(path, value)


def _switches(group: str) -> tuple[str, str]:
    """Return the files by which a group is frozen, in versions 1 and 2."""
    return os.path.join(group, "freezer.state"), os.path.join(group, "cgroup.freeze")


def remove(group: str) -> None:
    """Kill who is left in the group and remove it, with its parent if it was the last; a missing one is fine.

    Who is frozen by version 1 cannot end before it is thawed.
    """
    deadline = time.monotonic() + EMPTY_WITHIN_S
    while time.monotonic() < deadline:
        for pid in members(group):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            thaw(group)
        try:
            os.rmdir(group)
            break
        except FileNotFoundError:
            break
        except OSError:
            time.sleep(POLL_S)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(group))


def members(group: str) -> list[int]:
    """Return who is in the group."""
    try:
        with open(os.path.join(group, "cgroup.procs")) as file:
            return [int(line) for line in file]
    except (OSError, ValueError):
        return []


def _delegate(directory: str) -> None:
    """Let groups below a group of version 2 be bounded; what cannot be had shows when the bound is set."""
    with contextlib.suppress(OSError):
        with open(os.path.join(directory, "cgroup.controllers")) as file:
            there = set(file.read().split())
        with open(os.path.join(directory, "cgroup.subtree_control")) as file:
            missing = ({"memory", "cpu", "pids"} & there) - set(file.read().split())
        if missing:
            _write(os.path.join(directory, "cgroup.subtree_control"), " ".join(f"+{name}" for name in sorted(missing)))


def _settings(limits: Limits) -> Iterable[tuple[str, str]]:
    """Yield what to write where, for both versions; swap counts as memory, or a bound of memory would be none."""
    if limits.memory_mib is not None:
        size = str(limits.memory_mib * 1024 * 1024)
        yield from (("memory.max", size), ("memory.swap.max", "0"), ("memory.oom.group", "1"))
        yield from (("memory.limit_in_bytes", size), ("memory.memsw.limit_in_bytes", size))
    if limits.cpu_millis is not None:
        quota = max(limits.cpu_millis * CPU_PERIOD_US // 1000, LEAST_QUOTA_US)
        yield from (("cpu.max", f"{quota} {CPU_PERIOD_US}"), ("cpu.cfs_period_us", str(CPU_PERIOD_US)))
        yield ("cpu.cfs_quota_us", str(quota))
    if limits.tasks is not None:
        yield ("pids.max", str(limits.tasks))


def _write(path: str, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)
