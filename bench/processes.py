"""What processes use, as the kernel counts it."""

import json
import os
import re
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> tuple[float, float]:
    """Return resident memory, and with what is shared divided by those who share it."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {name: int(value) for name, value in re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE)}
    return kib["Rss"] / 1024, kib["Pss"] / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used; its children do not count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def of_rack(data: Path) -> int:
    """Return the pid of `sternwayd`."""
    return int(json.loads((data / "rackd.json").read_text())["pid"])


def of_router(data: Path) -> dict[str, int]:
    """Return the pids of the router's parts by name."""
    return {file.stem: int(json.loads(file.read_text())["pid"]) for file in (data / "router" / "run").glob("*.pid")}


def of_supervisors(data: Path, app: str) -> list[int]:
    """Return the pids of the supervisors of an app's processes."""
    states = (data / "engine" / "processes" / app).glob("*/state.json")
    return [int(json.loads(file.read_text())["supervisor_pid"]) for file in states if _is_running(file)]


def port_of(data: Path, app: str) -> int:
    """Return the port of one process of an app that has no other."""
    slots = [file for file in (data / "engine" / "processes" / app).glob("*/slot.json") if _is_running(file)]
    (slot,) = slots
    return int(json.loads(slot.read_text())["port"])


def waiting_supervisor(rack_pid: int) -> int:
    """Return the pid of the supervisor that is kept waiting; any thread of the rack may have started it."""
    tasks = Path(f"/proc/{rack_pid}/task").iterdir()
    children = [int(word) for task in tasks for word in (task / "children").read_text().split()]
    return next(pid for pid in children if b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _is_running(state: Path) -> bool:
    return not (state.parent / "ended").exists()
