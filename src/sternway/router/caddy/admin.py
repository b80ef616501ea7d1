"""Caddy's admin API, over its socket in the router's directory."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from sternway.core.errors import RouterUnavailable

LOAD_TIMEOUT_S = 30.0
QUESTION_TIMEOUT_S = 5.0


async def configuration(directory: Path, socket: str) -> object:
    """Return the configuration as Caddy has it; None before it is up."""
    async with _client(directory, socket, QUESTION_TIMEOUT_S) as client:
        return _checked(await client.get("/config/")).json()


async def load(directory: Path, socket: str, configuration: Mapping[str, Any]) -> None:
    """Replace the configuration; when it fails, the one before stays."""
    async with _client(directory, socket, LOAD_TIMEOUT_S) as client:
        _checked(await client.post("/load", json=dict(configuration)))


async def in_flight(directory: Path, socket: str) -> Mapping[str, int]:
    """Return the number of requests by address dialled.

    Caddy counts per address for placeholder upstreams too, from before it dials until the answer, stream or
    WebSocket has ended, across loads. It also lists the upstreams by their names in the configuration, which
    are placeholders and sockets of our own.
    """
    async with _client(directory, socket, QUESTION_TIMEOUT_S) as client:
        rows = _checked(await client.get("/reverse_proxy/upstreams")).json()
    counts = {_endpoint(row["address"]): int(row["num_requests"]) for row in rows}
    return {endpoint: number for endpoint, number in counts.items() if endpoint and number}


def _endpoint(address: str) -> str:
    """Return what was dialled for this address, or nothing for what is ours."""
    if address.startswith(("{", "run/", "unix/")):
        return ""
    return f"unix/{address}" if address.startswith("/") else address


@asynccontextmanager
async def _client(directory: Path, socket: str, timeout_s: float) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client for one call: a load replaces the admin server, and its connections with it.

    A socket's path may have 108 bytes at most, so it is reached through a descriptor of the directory.
    """
    try:
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        try:
            transport = httpx2.AsyncHTTPTransport(uds=f"/proc/self/fd/{descriptor}/{socket}", verify=False, retries=1)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", timeout=timeout_s, trust_env=False
            ) as client:
                yield client
        finally:
            os.close(descriptor)
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError) as exc:
        raise RouterUnavailable(f"Caddy does not answer: {str(exc) or type(exc).__name__}", hint=_HINT) from exc


def _checked(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    raise RouterUnavailable(f"Caddy refused: {response.text.strip()[:500]}", hint=_HINT)


_HINT = "look at log/front.log and log/back.log in the router's directory"
