"""Which processes on this machine belong to a rack, as the kernel lists them; the rack itself is not asked.

Supervisors are known by what they print to and where they work, processes of apps by a variable that their
manifest declares.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Census:
    """Supervisors by the id of their process; `waiting` are those that have none yet; `apps` and whom they obey."""

    supervisors: dict[int, str]
    waiting: frozenset[int]
    apps: frozenset[int]
    parents: dict[int, int]

    def orphans(self) -> list[int]:
        """Return the processes of apps that no supervisor has above it."""
        return [pid for pid in self.apps if not any(above in self.supervisors for above in self._line(pid))]

    def _line(self, pid: int) -> Iterator[int]:
        while pid > 1:
            yield pid
            pid = self.parents.get(pid, 0)


def take(data: Path, mark: str) -> Census:
    """Count what belongs to the rack over `data`, whose apps have `mark` in their environment."""
    output, processes = str(data / "engine" / "supervisors.log"), str(data / "engine" / "processes") + "/"
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    parents = {pid: _parent(pid) for pid in pids}
    stewards = {pid: _link(pid, "cwd") for pid in pids if _link(pid, "fd/1") == output}
    supervisors = {pid: Path(at).name for pid, at in stewards.items() if at.startswith(processes)}
    apps = frozenset(pid for pid in pids if mark.encode() in _environment(pid))
    return Census(supervisors, frozenset(stewards.keys() - supervisors.keys()), apps, parents)


def working_in(directory: Path) -> list[int]:
    """Return the processes that work somewhere below a directory."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _link(pid, "cwd").startswith(f"{directory}/")]


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has now."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _parent(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(PROC / str(pid) / name)
    except OSError:
        return ""


def _environment(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""
