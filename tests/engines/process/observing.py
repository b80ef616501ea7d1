"""What tests of real processes look at from outside: their logs, their supervisors, their place in /proc."""

import asyncio
from pathlib import Path

from sternway.core.formation import Formation
from sternway.engines.process import report
from sternway.engines.process.logs import ProcessLogs
from sternway.engines.process.slots import Slots
from sternway.ports import LogQuery
from sternway.supervisor import child
from tests.engines.bench import APP, ProcessBench, WallClock


async def printed(bench: ProcessBench, until: int | bytes, *, app: str = APP) -> list[bytes]:
    """Wait for so many lines of the app's logs, or for one that says this, and return them."""
    lines: list[bytes] = []
    async with asyncio.timeout(10):
        async for line in ProcessLogs(bench.data, clock=WallClock()).read(app, LogQuery()):
            lines.append(line.text)
            if until in (len(lines), line.text):
                break
    return lines


def left_by(bench: ProcessBench, wanted: Formation) -> report.Report:
    """Return what the supervisor of the only process of the formation last wrote down."""
    there = Slots(bench.data / "processes").of_app(wanted.key.app)
    (directory,) = (path for slot, path in there if slot.key == wanted.key)
    left = report.read(directory)
    assert left is not None
    return left


def is_alive(pid: int) -> bool:
    return child.start_ticks(pid) != 0 and b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()


def all_pids() -> list[int]:
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat")]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def innermost(pid: int) -> int:
    """Return the command itself: a sandbox starts it as a child of a child."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def environment_of(pid: int) -> dict[str, str]:
    block = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(line.split("=", 1) for line in block.split("\0") if line)
