"""Docker Swarm as an alternative: the same image, replicas and health check, in an engine of its own on this machine.

Tasks stand on an overlay network and are found by its name server (`--endpoint-mode dnsrr`), so that nothing depends
on the routing mesh, which not every kernel has. Clients are containers on that network.
"""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import place
from tests.engines.docker import daemon

SERVICE = "web"
NETWORK = "bench"
PORT = 3000
HEALTH_INTERVAL = "100ms"
"""Docker probes first after one interval: of 100, 250 and 1,000 ms the first gave Swarm its best figures."""
AT_REST_S = 60.0
POLL_S = 0.05
GATEWAY = Path("/sys/class/net/docker_gwbridge")
"""What Docker makes for the first swarm of a machine, and leaves behind."""
HERE = Path(__file__).resolve().parent


def obstacle() -> str:
    """Say why Swarm cannot be measured here; nothing if it can."""
    command = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=AT_REST_S)
    if found.stdout.strip() != "inactive":
        return "this machine is in a swarm already"
    return daemon.obstacle() or ""


class Swarm:
    """A swarm of one node with the service `web`, inside a `with` block. Its engine is apart from the machine's."""

    def __init__(self, directory: Path, image: str, replicas: int) -> None:
        self._runner = asyncio.Runner()
        directory.mkdir()
        self._had_gateway = GATEWAY.exists()
        self._daemon = daemon.DockerDaemon(directory)
        self._image = image
        self._replicas = replicas

    def __enter__(self) -> Self:
        try:
            self._runner.run(self._daemon.start())
            self.take_image(self._image)
            self.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--task-history-limit", "0")
            self.docker("network", "create", "--driver", "overlay", "--attachable", NETWORK)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        for words in (("service", "rm", SERVICE), ("swarm", "leave", "--force")):
            subprocess.run(self.command(*words), capture_output=True, check=False, timeout=AT_REST_S)
        self._runner.run(self._daemon.remove())
        self._runner.close()
        if not self._had_gateway and GATEWAY.exists():
            subprocess.run(["ip", "link", "delete", GATEWAY.name], check=True, timeout=AT_REST_S)

    def take_image(self, name: str) -> None:
        """Bring an image in from the machine's own engine."""
        self._runner.run(self._daemon.take_image(name, os.environ["DOCKER_HOST"]))

    def command(self, *words: str) -> list[str]:
        """Return a command for this engine."""
        return ["docker", "--host", self._daemon.address, *words]

    def docker(self, *words: str) -> str:
        """Run a command for this engine to its end; raises CalledProcessError."""
        command = self.command(*words)
        return subprocess.run(command, check=True, text=True, capture_output=True, timeout=AT_REST_S).stdout

    def serve(self, greetings: tuple[str, str]) -> None:
        """Make the service with the first greeting and update it to the second: each rollback goes to the other."""
        check = f"wget -q -O /dev/null http://127.0.0.1:{PORT}/health"
        health = ["--health-cmd", check, "--health-interval", HEALTH_INTERVAL, "--health-start-period", "60s"]
        orders = ("order=start-first", "parallelism=0", "monitor=100ms")
        pace = [f"--{what}-{order}" for what in ("update", "rollback") for order in orders]
        given = [f"--env={each}" for each in (f"GREETING={greetings[0]}", f"PORT={PORT}", "RELEASE=none")]
        where = ["--network", NETWORK, "--endpoint-mode", "dnsrr", "--replicas", str(self._replicas)]
        named = ["--name", SERVICE, "--no-resolve-image", "--quiet"]
        self.docker("service", "create", *named, *where, *health, *pace, *given, self._image)
        self.docker("service", "update", "--quiet", "--no-resolve-image", f"--env-add=GREETING={greetings[1]}", SERVICE)
        self.wait_until_at_rest()

    def roll_back(self) -> None:
        """Run the command for a rollback; it does not wait for what comes of it."""
        self.docker("service", "update", "--rollback", "--detach", SERVICE)

    def wait_until_at_rest(self) -> None:
        """Wait until the last update is over and nothing of what it replaced is left; raises RuntimeError."""
        deadline = time.monotonic() + AT_REST_S
        while time.monotonic() < deadline:
            state = self.docker("service", "inspect", SERVICE, "--format", "{{.UpdateStatus.State}}").strip()
            running = self.docker("ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=web").split()
            if state in ("completed", "rollback_completed") and len(running) == self._replicas:
                return
            time.sleep(POLL_S)
        raise RuntimeError(f"the swarm does not come to rest: {state}, {len(running)} tasks run")

    def client(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a module of this package in a container on the network of the service."""
        mounted = ["--volume", f"{HERE}:/bench:ro", "--network", NETWORK]
        command = self.command("run", "--rm", "--interactive", *mounted, self._image)
        command += ["python3", f"/bench/{module}.py", *arguments]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @contextmanager
    def rollbacks(self, greetings: tuple[str, str]) -> Iterator["Rollbacks"]:
        """Have somebody look for the other version inside the block; the service is there, with the second greeting."""
        seeker = self.client("seek", SERVICE, str(PORT))
        try:
            _line(seeker)
            yield Rollbacks(self, seeker, greetings)
        finally:
            seeker.kill()
            seeker.wait()


class Rollbacks:
    """Goes back and forth between two versions of the service."""

    def __init__(self, swarm: Swarm, seeker: subprocess.Popen[str], greetings: tuple[str, str]) -> None:
        self._swarm = swarm
        self._seeker = seeker
        self._greetings = greetings
        self._where = greetings[1]

    def once(self) -> float:
        """Roll back when all is at rest; return the milliseconds from the command to the first answer."""
        self._swarm.wait_until_at_rest()
        self._where = next(each for each in self._greetings if each != self._where)
        assert self._seeker.stdin is not None
        self._seeker.stdin.write(f"{self._where}\n")
        self._seeker.stdin.flush()
        began = time.perf_counter()
        self._swarm.roll_back()
        return (float(json.loads(_line(self._seeker))["at"]) - began) * 1000


def crowd(swarm: Swarm, load: dict[str, Any]) -> subprocess.Popen[str]:
    """Start visitors of the service, each connection to one of its tasks."""
    where = {"address": SERVICE, "port": PORT, "host": SERVICE}
    return swarm.client("crowd", *place.options(where | load))


def _line(program: subprocess.Popen[str]) -> str:
    """Return the next line of a program, which bounds its waits itself."""
    assert program.stdout is not None
    line = program.stdout.readline()
    if not line:
        raise RuntimeError("the client in the swarm ended")
    return line
