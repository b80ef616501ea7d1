"""What a restarted rack does with the processes that it finds: take over, or clear away what is left.

Whatever still has its supervisor is taken over without being touched. A process whose supervisor is gone has
nobody to keep its log or to start it again: it is ended, if its identity proves that it is ours.
"""

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from sternway.engines.process import link, report
from sternway.engines.process.slots import Slot, Slots
from sternway.supervisor import child

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

    The record comes first, because a supervisor that starts late looks for it.
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
            os.killpg(left.pid, signal.SIGKILL)


def _is_there(pid: int, ticks: int) -> bool:
    return pid > 1 and ticks > 0 and child.start_ticks(pid) == ticks


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
