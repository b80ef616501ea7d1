"""On what the figures were taken: without it they say nothing to anybody else."""

import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import sternway

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 10
REST_S, AT_REST = 0.1, 0.1
REST_WITHIN_S = 10.0


def facts() -> dict[str, object]:
    """Return what is known of the machine and of what was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "caddy": _first_line(str(Path(sys.executable).with_name("caddy")), "version"),
        "sternway": sternway.__version__,
        "commit": commit(),
        "is_changed_since": has_changes(),
    }


def load() -> list[float]:
    """Return the load averages over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


@dataclass(frozen=True, slots=True)
class Ticks:
    """What the processors did since boot. Stolen is what a hypervisor gave to somebody else in the meantime."""

    total: int
    idle: int
    stolen: int

    @classmethod
    def now(cls) -> "Ticks":
        """Read them; the last two fields of the line are part of others."""
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return cls(total=sum(fields), idle=fields[3] + fields[4], stolen=fields[7])

    def busy_share_since(self, before: "Ticks") -> float:
        """Return the share of the time in which the processors had something to do."""
        total = self.total - before.total
        return 1 - (self.idle - before.idle) / total if total else 0.0

    def stolen_percent_since(self, before: "Ticks") -> float:
        """Return how much of the time in which the processors had something to do was stolen."""
        busy = (self.total - self.idle) - (before.total - before.idle)
        return round(100 * (self.stolen - before.stolen) / busy, 1) if busy else 0.0


def rest() -> bool:
    """Wait until the processors had next to nothing to do for a moment; False when that did not come in time."""
    deadline = time.monotonic() + REST_WITHIN_S
    while time.monotonic() < deadline:
        before = Ticks.now()
        time.sleep(REST_S)
        if Ticks.now().busy_share_since(before) <= AT_REST:
            return True
    return False


def commit() -> str:
    """Return the short name of the commit; `unknown` outside of a checkout."""
    return _first_line("git", "rev-parse", "--short", "HEAD") or "unknown"


def has_changes() -> bool:
    """Tell whether the checkout holds what the commit does not."""
    return bool(_first_line("git", "status", "--porcelain", "--untracked-files=no"))


def has_program(name: str) -> bool:
    """Tell whether a program of this name can be run."""
    return shutil.which(name) is not None


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(done.stdout.splitlines()), "")
