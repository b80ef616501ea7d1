"""Caddy's admin API, over its socket in the router's directory.

A call is one request and one answer over a connection of its own: a load replaces the admin server, and its
connections with it. It is spoken as HTTP/1.0, in which an answer is what comes until the connection ends, so that
no library is needed: to make the client of one took longer than the call, at the busiest moments of a rollout.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sternway.core.errors import RouterUnavailable

LOAD_TIMEOUT_S = 30.0
QUESTION_TIMEOUT_S = 5.0
MAX_BYTES = 256 * 1024 * 1024
"""How long an answer may be; the longest is the configuration."""

_HEAD = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\n]*\n((?:[^\r\n][^\n]*\n)*)\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]+)", re.IGNORECASE | re.MULTILINE)


async def configuration(directory: Path, socket: str) -> object:
    """Return the configuration as Caddy has it; None before it is up."""
    return await _call(directory, socket, _Request("GET", "/config/"), QUESTION_TIMEOUT_S)


async def load(directory: Path, socket: str, configuration: Mapping[str, Any]) -> None:
    """Replace the configuration; when it fails, the one before stays."""
    await _call(directory, socket, _Request("POST", "/load", json.dumps(configuration).encode()), LOAD_TIMEOUT_S)


async def in_flight(directory: Path, socket: str) -> Mapping[str, int]:
    """Return the number of requests by address dialled.

    Caddy counts per address for placeholder upstreams too, from before it dials until the answer, stream or
    WebSocket has ended, across loads. It also lists the upstreams by their names in the configuration, which
    are placeholders and sockets of our own.
    """
    counts = [(_endpoint(address), number) for address, number in await _counts(directory, socket)]
    return {endpoint: number for endpoint, number in counts if endpoint and number}


async def carried(directory: Path, socket: str) -> int:
    """Return the number of requests, streams and WebSockets under way, wherever they go."""
    return sum(number for _, number in await _counts(directory, socket))


async def _counts(directory: Path, socket: str) -> list[tuple[str, int]]:
    rows = await _call(directory, socket, _Request("GET", "/reverse_proxy/upstreams"), QUESTION_TIMEOUT_S)
    try:
        return [(str(row["address"]), int(row["num_requests"])) for row in rows]
    except (ValueError, KeyError, TypeError) as exc:
        raise _unavailable(exc) from exc


def _endpoint(address: str) -> str:
    """Return what was dialled for this address, or nothing for what is ours."""
    if address.startswith(("{", "run/", "unix/")):
        return ""
    return f"unix/{address}" if address.startswith("/") else address


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: bytes = b""

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.0", "Host: 127.0.0.1"]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "\r\n".join((*lines, "", "")).encode() + self.body


async def _call(directory: Path, socket: str, request: _Request, timeout_s: float) -> Any:
    """Return the JSON value of the answer, None for an empty one."""
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _exchange(directory, socket, request)
        status, body = _parse(answer)
        value = json.loads(body) if body and status == 200 else None
    except (OSError, ValueError) as exc:
        raise _unavailable(exc) from exc
    if status != 200:
        raise RouterUnavailable(f"Caddy refused: {body.decode(errors='replace').strip()[:500]}", hint=_HINT)
    return value


async def _exchange(directory: Path, socket: str, request: _Request) -> bytes:
    async with _connection(directory, socket) as (reader, writer):
        writer.write(request.encode())
        received = bytearray()
        while read := await reader.read(_READ_BYTES):
            received += read
            if len(received) > MAX_BYTES:
                raise ValueError("the answer does not end")
        return bytes(received)


@asynccontextmanager
async def _connection(directory: Path, socket: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect; a socket's path may have 108 bytes at most, so it is reached through a descriptor of the directory."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    path = f"/proc/self/fd/{descriptor}/{socket}"
    try:
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError:  # a load may just be replacing the socket
            reader, writer = await asyncio.open_unix_connection(path)
    finally:
        os.close(descriptor)
    try:
        yield reader, writer
    finally:
        writer.close()


def _parse(answer: bytes) -> tuple[int, bytes]:
    """Split an answer into status and body; raises ValueError for one that is torn."""
    head = _HEAD.match(answer)
    if head is None:
        raise ValueError("the connection was closed")
    body = answer[head.end() :]
    length = _LENGTH.search(head[2])
    if length and int(length[1]) != len(body):
        raise ValueError("the answer is torn")
    return int(head[1]), body


def _unavailable(exc: Exception) -> RouterUnavailable:
    return RouterUnavailable(f"Caddy does not answer: {str(exc) or type(exc).__name__}", hint=_HINT)


_READ_BYTES = 64 * 1024
_HINT = "look at log/front.log and log/back.log in the router's directory"
