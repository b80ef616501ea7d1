"""The floor of a cold start: start a command, wait for its health path, rename a file. Nothing else.

A program of its own, so that it shares nothing with what is measured beside it. Its own start does not
count: the clock runs from the first process that it starts to the rename.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

PAUSE_S = 0.001
DEADLINE_S = 30.0
READ_BYTES = 4096


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", required=True)
    parser.add_argument("--health", required=True)
    parser.add_argument("--processes", type=int, required=True)
    arguments = parser.parse_args()
    ports = [_free_port() for _ in range(arguments.processes)]
    Path("new").write_text(f"{ports}\n")
    started: list[subprocess.Popen[bytes]] = []
    try:
        began = time.perf_counter()
        started.extend(_start(arguments.command, port) for port in ports)
        for port in ports:
            _wait_until_healthy(port, arguments.health)
        os.rename("new", "current")
        took_ms = (time.perf_counter() - began) * 1000
    finally:
        for process in started:
            process.kill()
            process.wait()
    print(json.dumps({"ms": took_ms}))
    return 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _start(command: str, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", f"exec {command}"],
        env={**os.environ, "PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_until_healthy(port: int, path: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not _is_healthy(port, path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing healthy on {port}")
        time.sleep(PAUSE_S)


def _is_healthy(port: int, path: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(READ_BYTES).startswith(b"HTTP/1.1 200")
    return False


if __name__ == "__main__":
    sys.exit(main())
