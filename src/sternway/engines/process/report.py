"""What a supervisor says of its process, over its connection or in the file that it leaves."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from sternway.engines.process import slots
from sternway.supervisor import child
from sternway.supervisor.program import Phase

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Report:
    """How a process stands. A pid is 0 while there is none; with its ticks and the boot it is unique."""

    phase: str
    pid: int = 0
    start_ticks: int = 0
    started_at: float = 0.0
    exits: int = 0
    last_exit: int | None = None
    last_line: str = ""
    supervisor_pid: int = 0
    supervisor_ticks: int = 0
    boot: str = ""
    memory_exceeded_mib: int | None = None
    groups: Sequence[str] = ()
    problem: str = ""
    protocol: int = 1

    @property
    def run(self) -> str:
        """Name this run of the process, apart from those before and after it."""
        return f"{self.pid}:{self.start_ticks}" if self.pid else ""

    @property
    def is_over(self) -> bool:
        """Tell whether there is nothing left to supervise."""
        return self.phase in (Phase.ENDED, REFUSED)

    def is_alive(self) -> bool:
        """Tell whether the process that it speaks of is still there, as of now."""
        there = child.start_ticks(self.pid) if self.pid else 0
        return there == self.start_ticks != 0 and child.states(self.pid).strip(b"ZX") != b""

    def exit_words(self) -> str:
        """Say how the process last ended, with the last thing that it said."""
        if self.last_exit is None:
            return ""
        if self.memory_exceeded_mib is not None:
            return f"killed: out of memory (limit {self.memory_exceeded_mib} MiB)"
        how = f"exited with code {self.last_exit}" if self.last_exit >= 0 else f"ended by {_signal(-self.last_exit)}"
        return f"{how}: {self.last_line}" if self.last_line else how


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def parse(line: bytes) -> Report | None:
    """Read a report; None for a line that is none. Fields that a newer supervisor adds are passed over."""
    try:
        content: Any = json.loads(line)
        return Report(**{key: content[key] for key in Report.__slots__ if key in content})
    except (ValueError, TypeError):
        return None


def read(directory: Path) -> Report | None:
    """Return the last report that the supervisor left in its directory."""
    try:
        return parse((directory / slots.STATE).read_bytes())
    except OSError:
        return None
