"""What a restarted rack does with the processes that it finds: take over, or clear away what is left.

Whatever still has its supervisor is taken over without being touched. A process whose supervisor is gone has
nobody to keep its log or to start it again: it is ended, if its identity proves that it is ours.
"""

import contextlib
import os
import select
import signal
import socket
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from sternway.engines.process import link, report
from sternway.engines.process.slots import Slot, Slots
from sternway.supervisor import cgroup, child

GONE_WITHIN_S = 2.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Found:
    """A process that still has its supervisor, with the connection to it and what it last reported."""

    slot: Slot
    report: report.Report | None
    connection: socket.socket


def find(slots: Slots) -> list[Found]:
    """Return what runs, oldest first; what has lost its supervisor is cleared away."""
    found = (_adopt(slots, slot) for slot in slots.alive())
    return [each for each in found if each]


def _adopt(slots: Slots, slot: Slot) -> Found | None:
    directory = slots.directory(slot)
    try:
        connection = link.connect(directory)
    except OSError:
        clear(slots, slot)
        return None
    return Found(slot, report.read(directory), connection)


def clear(slots: Slots, slot: Slot) -> None:
    """End what is left of a process that has no supervisor to talk to, and record that it is over.

    Returns once it is gone, so that its successor is never beside it. The record comes first, because a
    supervisor that starts late looks for it.
    """
    slots.end(slot)
    left = report.read(slots.directory(slot))
    if left is None or left.boot != _boot_id():
        return
    if _is_there(left.supervisor_pid, left.supervisor_ticks):
        with contextlib.suppress(OSError):
            os.kill(left.supervisor_pid, signal.SIGKILL)
    if _is_there(left.pid, left.start_ticks):
        with contextlib.suppress(OSError):
            _kill_group(left.pid, left.groups)
    for group in left.groups:
        cgroup.remove(group)


def _kill_group(leader: int, groups: Iterable[str]) -> None:
    """Kill everyone in a group of processes; who is frozen by its control group ends only once it is thawed."""
    process = os.pidfd_open(leader)
    try:
        os.killpg(leader, signal.SIGKILL)
        for group in groups:
            cgroup.thaw(group)
        select.select([process], [], [], GONE_WITHIN_S)
    finally:
        os.close(process)


def sweep(parents: Iterable[str], alive: Container[str]) -> None:
    """Remove control groups of the rack that nobody is in any more, as after a supervisor was killed.

    Those of processes that are `alive` may be empty for a moment, between two starts.
    """
    for parent in parents:
        for group in Path(parent).glob("*/"):
            if group.name not in alive and not cgroup.members(str(group)):
                with contextlib.suppress(OSError):
                    group.rmdir()


def _is_there(pid: int, ticks: int) -> bool:
    return pid > 1 and ticks > 0 and child.start_ticks(pid) == ticks


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
