"""Debian's Podman, as an engine of a test's own: its service for the API of Docker, with all that it keeps apart."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sternway.engines.docker import presence

READY_S = 30.0
STOP_S = 30.0
NEEDED = ("podman", "umount")
FILES = 4096


def obstacle() -> str | None:
    """Say why it cannot be run here, if so."""
    if os.geteuid() != 0:
        return "only root can run it here"
    return next((f"{program} is not installed" for program in NEEDED if shutil.which(program) is None), None)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Have it answer until the block ends, and give its address. Its sockets want a directory with a short name."""
    directory = Path(tempfile.mkdtemp(prefix="sternway-podman-"))
    address = f"unix://{directory}/podman.sock"
    with (directory / "log").open("wb") as log:
        service = subprocess.Popen(
            [*_command(directory), "system", "service", "--time=0", address],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(directory),
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(service, address, directory / "log")
        yield address
    finally:
        service.terminate()
        service.wait(timeout=STOP_S)
        _remove(directory)


def take_image(name: str, source: str, address: str) -> None:
    """Copy an image between engines."""
    with tempfile.TemporaryFile() as saved:
        subprocess.run(["docker", "--host", source, "save", name], stdout=saved, check=True, timeout=READY_S)
        saved.seek(0)
        loading = ["docker", "--host", address, "load"]
        subprocess.run(loading, stdin=saved, stdout=subprocess.DEVNULL, check=True, timeout=READY_S)


def _command(directory: Path) -> list[str]:
    places = {"root": "data", "runroot": "run", "tmpdir": "tmp"}
    return ["podman", *(f"--{option}={directory / place}" for option, place in places.items())]


def _environment(directory: Path) -> dict[str, str]:
    """Return the environment that it runs in: its own limits are more than a container may raise its own to."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = min(most, FILES)
    file = directory / "containers.conf"
    file.write_text(f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={FILES}:{FILES}"]\n')
    return {**os.environ, "CONTAINERS_CONF": str(file)}


def _left(directory: Path) -> list[int]:
    """Return who still works for it: Podman keeps how a command ended for five minutes."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(directory).encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def _wait_until_it_answers(service: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    until = time.monotonic() + READY_S
    while not presence.answers(address):
        if service.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"Podman did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _remove(directory: Path) -> None:
    """Remove what it kept, with the mounts that it leaves."""
    command = [*_command(directory), "rm", "--all", "--force", "--time=0"]
    subprocess.run(
        command, env=_environment(directory), check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=STOP_S
    )
    for pid in _left(directory):
        os.kill(pid, signal.SIGKILL)
    places = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    for place in sorted((each for each in places if each.startswith(f"{directory}/")), reverse=True):
        subprocess.run(["umount", place], check=True, timeout=STOP_S)
    shutil.rmtree(directory)
