"""Two processes of `examples/hello` that run without a rack, for those who only turn from one to the other."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from bench import place
from bench.rollback import GREETINGS, HELLO

READY_S = 10.0


@contextlib.contextmanager
def running() -> Iterator[dict[str, int]]:
    """Have both run inside the block; yields the port of each by its greeting."""
    ports = {greeting: free_port() for greeting in GREETINGS}
    with contextlib.ExitStack() as started:
        for greeting, port in ports.items():
            started.enter_context(_upstream(greeting, port))
        yield ports


def free_port() -> int:
    """Return a port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def _upstream(greeting: str, port: int) -> Iterator[None]:
    environment = {**os.environ, "GREETING": greeting, "PORT": str(port), "RELEASE": "none"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, "app.py"], cwd=HELLO, env=environment, stdout=quiet, stderr=quiet
    ) as process:
        try:
            deadline = time.monotonic() + READY_S
            while not answers(port) and time.monotonic() < deadline:
                time.sleep(place.POLL_S)
            yield
        finally:
            process.terminate()
