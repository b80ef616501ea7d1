"""A Docker engine of a test's own, which it may kill.

It is apart from every other on the machine: directories, socket, bridge, addresses, and no rules in the firewall. So
this machine reaches its containers and they reach it; each other and the world only where no firewall forbids it. Never
`--bridge=none`: that takes `docker0` away from the engine that has it.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sternway.engines.docker import presence

READY_S = 60.0
STOP_S = 30.0
NEEDED = ("dockerd", "docker", "ip", "umount")


def obstacle() -> str | None:
    """Say why no engine can be started here, if so."""
    if os.geteuid() != 0:
        return "only root can start a Docker engine"
    return next((f"{program} is not installed" for program in NEEDED if shutil.which(program) is None), None)


class DockerDaemon:
    """An engine at `address`, in a directory of its own; what it runs and keeps stays until `remove`."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self.bridge = f"sw{directory.name[-10:]}"
        self._network = _free_network()
        self._has_answered = False

    @property
    def address(self) -> str:
        """Return where it answers, also while it does not run."""
        return f"unix://{self.directory}/docker.sock"

    @property
    def pid(self) -> int:
        """Return the id of the process; 0 while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def start(self) -> None:
        """Start it and wait until it answers; raises RuntimeError with the end of its log."""
        await self._make_bridge()
        command = [
            "dockerd",
            "--host",
            self.address,
            "--bridge",
            self.bridge,
            "--iptables=false",
            "--ip-forward=false",
        ]
        if not self._has_answered:  # with it, an engine that starts again takes `docker0` away from the one that has it
            command += ["--default-address-pool", f"base={self._network}.128.0/17,size=26"]
        command += ["--data-root", str(self.directory / "data"), "--exec-root", str(self.directory / "exec")]
        command += ["--pidfile", str(self.directory / "pid"), *self._options]
        with (self.directory / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        await self._wait_until_it_answers()

    async def stop(self) -> None:
        """End it as a system would at its shutdown: containers stop, unless it runs with `--live-restore`."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it with SIGKILL, without a word to its containers: they run on."""
        await self._end(signal.SIGKILL)
        async with asyncio.timeout(STOP_S):
            while not self._is_forgotten():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def restart(self) -> None:
        """Stop it and start it again."""
        await self.stop()
        await self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it answer nothing while the block runs, with its socket open."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    async def take_image(self, name: str, other: str) -> None:
        """Copy an image from the engine at another address."""
        read, write = os.pipe()
        saving = await asyncio.create_subprocess_exec("docker", "--host", other, "save", name, stdout=write)
        os.close(write)
        loading = await asyncio.create_subprocess_exec(
            "docker", "--host", self.address, "load", "--quiet", stdin=read, stdout=subprocess.DEVNULL
        )
        os.close(read)
        async with asyncio.timeout(READY_S):
            if await saving.wait() or await loading.wait():
                raise RuntimeError(f"{name} cannot be copied from {other}")

    async def docker(self, *words: str) -> str:
        """Run `docker` with this engine and return what it prints; raises RuntimeError."""
        return await _run("docker", "--host", self.address, *words)

    async def remove(self) -> None:
        """Take it down with all that it ran. One that was killed starts once more for that."""
        try:
            if self._has_answered:
                await self._empty()
        finally:
            await self.stop()
            if self._has_bridge():
                await _run("ip", "link", "delete", self.bridge)
        # An engine that is killed leaves its mounts, and the next one takes them for somebody else's.
        for place in _mounts_below(self.directory):
            await _run("umount", place)
        shutil.rmtree(self.directory)

    async def _empty(self) -> None:
        """Remove containers and networks: what of them is not in the directory would stay."""
        if not self.pid:
            await self.start()
        containers = (await self.docker("ps", "--all", "--quiet")).split()
        if containers:
            with contextlib.suppress(RuntimeError):  # one of an engine that was killed may be held for good
                await self.docker("rm", "--force", "--volumes", *containers)
        await self.docker("network", "prune", "--force")

    def _is_forgotten(self) -> bool:
        """Tell whether its containerd is dead as well, which takes a moment, and not to be taken for a living one.

        The next engine would wait in vain for one of which there is a process id, be it that of a zombie.
        """
        file = self.directory / "exec" / "containerd" / "containerd.pid"
        if not file.exists():
            return True
        if Path("/proc", file.read_text().strip(), "exe").exists():
            return False
        file.unlink()
        return True

    async def _make_bridge(self) -> None:
        if not self._has_bridge():
            await _run("ip", "link", "add", "name", self.bridge, "type", "bridge")
            await _run("ip", "address", "add", f"{self._network}.0.1/24", "dev", self.bridge)
            await _run("ip", "link", "set", self.bridge, "up")

    def _has_bridge(self) -> bool:
        return Path("/sys/class/net", self.bridge).exists()

    async def _wait_until_it_answers(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while self.pid:
                    if await asyncio.to_thread(presence.answers, self.address):
                        self._has_answered = True
                        return
                    await asyncio.sleep(0.05)
        raise RuntimeError(f"dockerd did not start:\n{(self.directory / 'log').read_text()[-2000:]}")

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None or not self.pid:
            return
        self._process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def started(*options: str) -> AsyncIterator[DockerDaemon]:
    """Run an engine until the block ends. Its directory has a short name, since sockets may have no long one."""
    daemon = DockerDaemon(Path(tempfile.mkdtemp(prefix="sternway-dockerd-")), *options)
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.remove()


def _free_network() -> str:
    """Return the first two numbers of a network to which this machine has no route; differs between processes."""
    routes = subprocess.run(["ip", "route"], check=True, capture_output=True, text=True, timeout=5).stdout
    numbers = range(os.getpid() % 100, os.getpid() % 100 + 100)
    return next(f"10.{100 + n % 100}" for n in numbers if f"10.{100 + n % 100}." not in routes)


def _mounts_below(directory: Path) -> list[str]:
    """Return where something is mounted, the innermost first."""
    places = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return sorted((place for place in places if place.startswith(f"{directory}/")), reverse=True)


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(STOP_S):
        output, problem = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {problem.decode()[-500:]}")
    return output.decode()
