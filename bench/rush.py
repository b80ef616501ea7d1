"""As many requests as go: connections that send the next request as soon as the answer is there.

A program of its own that imports nothing of the product; it prints requests and seconds as JSON.
"""

import argparse
import asyncio
import json
import sys
import time
from typing import cast

import uvloop

END_OF_HEAD = b"\r\n\r\n"


class Rush:
    """What all connections share. The first answer tells how long answers are; another length is a failure."""

    def __init__(self, host: str) -> None:
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.answered = 0
        self.failed = 0
        self.is_over = False


class Connection(asyncio.Protocol):
    """One request under way at a time."""

    def __init__(self, rush: Rush) -> None:
        self._rush = rush
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._rush.request)

    def data_received(self, data: bytes) -> None:
        """Send the next request once the answer is whole."""
        self._received += data
        if not is_whole(self._received):
            return
        is_good = self._received.startswith(b"HTTP/1.1 200")
        self._rush.answered += is_good
        self._rush.failed += not is_good
        self._received = b""
        if not self._rush.is_over:
            self._transport.write(self._rush.request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it, unless it is us who ended it."""
        self._rush.failed += not self._rush.is_over


def is_whole(received: bytes) -> bool:
    """Tell whether an answer with a Content-Length is complete."""
    head, end, body = received.partition(END_OF_HEAD)
    if not end:
        return False
    _, _, rest = head.lower().partition(b"content-length:")
    return len(body) >= int(rest.partition(b"\r\n")[0])


async def run(port: int, host: str, connections: int, seconds: float) -> dict[str, float]:
    """Rush for some seconds."""
    rush = Rush(host)
    loop = asyncio.get_running_loop()
    opening = [loop.create_connection(lambda: Connection(rush), "127.0.0.1", port) for _ in range(connections)]
    opened = [transport for transport, _ in await asyncio.gather(*opening)]
    began, before = time.perf_counter(), rush.answered
    await asyncio.sleep(seconds)
    took_s, answered = time.perf_counter() - began, rush.answered - before
    rush.is_over = True
    for transport in opened:
        transport.close()
    return {"answered": answered, "failed": rush.failed, "seconds": took_s}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    print(json.dumps(uvloop.run(run(given.port, given.host, given.connections, given.seconds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
