"""The floor of a cold start in containers: `docker run -d` them all at once, wait for the health path of each.

A program of its own that imports nothing of the product. Its own start does not count: the clock runs from the first
`docker run` to the last first healthy answer. The addresses are chosen before, so that nobody has to ask for them.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time

PAUSE_S = 0.002
DEADLINE_S = 60.0
READ_BYTES = 4096
FIRST_HOST = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--image", "--network", "--prefix", "--health"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--env", action="append", default=[])
    arguments = parser.parse_args()
    addresses = [f"{arguments.prefix}.{FIRST_HOST + number}" for number in range(arguments.processes)]
    names = [f"{arguments.network}-{number}" for number in range(arguments.processes)]
    try:
        began = time.perf_counter()
        running = [_run(arguments, *each) for each in zip(names, addresses, strict=True)]
        # Nobody asks an address of which nothing is up yet: the kernel looks again for who has it after a whole second.
        for each, address in zip(running, addresses, strict=True):
            each.wait()
            _wait_until_healthy(address, arguments.port, arguments.health)
        took_ms = (time.perf_counter() - began) * 1000
    finally:
        subprocess.run(["docker", "rm", "--force", *names], check=False, capture_output=True, timeout=DEADLINE_S)
    print(json.dumps({"ms": took_ms}))
    return 0


def _run(arguments: argparse.Namespace, name: str, address: str) -> subprocess.Popen[bytes]:
    variables = [f"--env={variable}" for variable in (f"PORT={arguments.port}", *arguments.env)]
    place = ["--name", name, "--network", arguments.network, "--ip", address]
    command = ["docker", "run", "--detach", *place, *variables, arguments.image]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=os.environ, stdin=quiet, stdout=quiet)


def _wait_until_healthy(address: str, port: int, path: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not _is_healthy(address, port, path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing healthy at {address}:{port}")
        time.sleep(PAUSE_S)


def _is_healthy(address: str, port: int, path: str) -> bool:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(READ_BYTES).startswith(b"HTTP/1.1 200")
    return False


if __name__ == "__main__":
    sys.exit(main())
