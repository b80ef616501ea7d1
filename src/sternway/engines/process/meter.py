"""What processes use of the machine: read from their control groups where they have some, else from /proc.

Processor time only ever grows, so what is used now is what was used since the reading before; for the first one,
since the start.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sternway.engines.process.report import Report
from sternway.ports import Usage

AGAIN_AFTER_S = 0.5
MIB = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Subject:
    """A process to be measured, with what its supervisor said. It began so long ago."""

    id: str
    report: Report
    age_s: float


@dataclass(frozen=True, slots=True)
class _Reading:
    run: str
    at: float
    cpu_s: float
    usage: Usage


class Meter:
    """Measures processes, and remembers the reading before of those that it still sees."""

    def __init__(self) -> None:
        self._before: dict[str, _Reading] = {}

    def measure(self, subjects: Sequence[Subject]) -> Mapping[str, Usage]:
        """Return what they use, without those that are gone. It reads files, and so belongs into a thread."""
        now = time.monotonic()
        seen = {subject.id: self._read(subject, now) for subject in subjects}
        readings = {id_: reading for id_, reading in seen.items() if reading}
        self._before = {id_: each for id_, each in self._before.items() if now - each.at < 3600} | readings
        return {id_: reading.usage for id_, reading in readings.items()}

    def _read(self, subject: Subject, now: float) -> _Reading | None:
        before = self._before.get(subject.id)
        if before and (before.run != subject.report.run or now <= before.at):
            before = None
        if before and now - before.at < AGAIN_AFTER_S:
            return before
        pids = _below(subject.report.supervisor_pid)
        cpu_s, memory = _cpu_s(subject.report, pids), _memory(subject.report, pids)
        if cpu_s is None or memory is None:
            return None
        used_s, passed_s = (cpu_s - before.cpu_s, now - before.at) if before else (cpu_s, subject.age_s)
        cpu = max(used_s, 0.0) / max(passed_s, 1 / _TICKS)
        return _Reading(subject.report.run, now, cpu_s, Usage(round(cpu, 4), round(memory / MIB, 2)))


def _cpu_s(report: Report, pids: Sequence[int]) -> float | None:
    for group in report.groups:
        if (text := _text(f"{group}/cpu.stat")) and "usage_usec" in (fields := _fields(text)):
            return fields["usage_usec"] / 1e6
        if (text := _text(f"{group}/cpuacct.usage")) and text.strip().isdecimal():
            return int(text) / 1e9
    times = [spent for pid in pids if (spent := _times(pid)) is not None]
    return sum(times) / _TICKS if times else None


def _times(pid: int) -> int | None:
    """Return the ticks that a process has spent, with those of its children that have ended."""
    try:
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])
    except (ValueError, IndexError):
        return None


def _memory(report: Report, pids: Sequence[int]) -> int | None:
    """Return bytes; what a group has read of files, and the kernel can take back at any time, is not counted."""
    for group in report.groups:
        for whole, idle in (("memory.current", "inactive_file"), ("memory.usage_in_bytes", "total_inactive_file")):
            text = _text(f"{group}/{whole}").strip()
            if text.isdecimal():
                return max(int(text) - _fields(_text(f"{group}/memory.stat")).get(idle, 0), 0)
    sizes = [size for pid in pids if (size := _size(pid)) is not None]
    return sum(sizes) if sizes else None


def _size(pid: int) -> int | None:
    """Return a process's share of memory, or all that it has where the shares may not be seen."""
    for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    fields = _text(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else None


def _below(supervisor: int) -> list[int]:
    """Return all processes below a supervisor, without the copies of it that see to sessions."""
    own = _text(f"/proc/{supervisor}/cmdline")
    return [pid for pid in _descendants(supervisor) if _text(f"/proc/{pid}/cmdline") != own] if own else []


def _descendants(pid: int) -> Iterator[int]:
    for child in _text(f"/proc/{pid}/task/{pid}/children").split():
        yield int(child)
        yield from _descendants(int(child))


def _fields(text: str) -> dict[str, int]:
    return {words[0]: int(words[1]) for line in text.splitlines() if len(words := line.split()) == 2}


def _text(path: str) -> str:
    """Return what a file of the kernel says; nothing for one that is gone or closed to us."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return Path(path).read_text()
    return ""
