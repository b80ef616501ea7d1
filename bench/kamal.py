"""`kamal-proxy` as an alternative: its `deploy` of upstreams that run already. `KAMAL_PROXY` names the program."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import place
from bench.upstreams import free_port
from bench.watch import Watch

VARIABLE = "KAMAL_PROXY"
SERVICE = "web"
COMMAND_S = 60.0
TIMEOUT_S = 10.0
HEALTH_INTERVAL = "10ms"
"""It asks at once and then each second unless told: what runs already is healthy with the first."""
DRAIN = "1s"


def program() -> str | None:
    """Return the program that is named, None where there is none."""
    return os.environ.get(VARIABLE) or None


def left_out() -> str:
    """Say why it is not measured."""
    return f"kamal-proxy is left out: {VARIABLE} names no program"


class KamalProxy:
    """A server of its own inside a `with` block, for one host."""

    def __init__(self, directory: Path, program: str, host: str, health: str = "/health") -> None:
        directory.mkdir()
        self._program = program
        self._host = host
        self._health = health
        self._environment = place.bare_environment(directory, KAMAL_PROXY_SOCKET=str(directory / "socket"))
        self._socket = directory / "socket"
        self._log = directory / "log"
        self.port = free_port()

    def __enter__(self) -> Self:
        ports = [f"--http-port={self.port}", f"--https-port={free_port()}"]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                [self._program, "run", *ports], env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + TIMEOUT_S
        while not self._socket.exists():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"kamal-proxy does not start: {self._log.read_text()[-500:]}")
            time.sleep(place.POLL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait(timeout=COMMAND_S)

    def deploy(self, *targets: str) -> subprocess.Popen[bytes]:
        """Begin to turn to these targets, HOST:PORT each; the command ends when those before have drained."""
        health = [f"--health-check-path={self._health}", f"--health-check-interval={HEALTH_INTERVAL}"]
        where = [f"--host={self._host}", *(f"--target={target}" for target in targets)]
        command = [self._program, "deploy", SERVICE, *where, *health, f"--drain-timeout={DRAIN}"]
        return subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def turn_to(self, *targets: str) -> None:
        """Turn to these targets; raises CalledProcessError."""
        ended(self.deploy(*targets))


class Turns:
    """Goes back and forth between two upstreams, as a person would go back."""

    def __init__(self, proxy: KamalProxy, ports: dict[str, int], watch: Watch) -> None:
        self._proxy = proxy
        self._ports = ports
        self._watch = watch
        self._order: Sequence[str] = [*ports]

    def once(self) -> float:
        """Run the command for the other one; return the milliseconds to its first answer."""
        self._order = [*self._order[1:], self._order[0]]
        self._watch.expect(greeting=self._order[0])
        began = time.perf_counter()
        running = self._proxy.deploy(f"127.0.0.1:{self._ports[self._order[0]]}")
        seen_at = self._watch.seen_at(TIMEOUT_S)
        ended(running)
        return (seen_at - began) * 1000


def ended(running: subprocess.Popen[bytes]) -> None:
    """Wait for a command; raises CalledProcessError."""
    code = running.wait(timeout=COMMAND_S)
    if code:
        raise subprocess.CalledProcessError(code, running.args)
