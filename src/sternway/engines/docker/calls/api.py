"""Calls to a Docker engine, each bounded in time: what it declines is told apart from no answer at all."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiodocker

from sternway.engines.docker.calls.connection import QUICK_S, Connection, translated, words
from sternway.engines.docker.calls.stream import UNREACHABLE

Parameters = Mapping[str, str]


class Declined(Exception):
    """The engine answered, and not with what was asked for."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Api:
    """The engine's own API. Every call raises Declined with its reason, and EngineUnavailable without an answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, path: str, **params: str) -> Any:
        """Return what is there, as JSON."""
        return _parsed(await self._call("GET", path, params))

    async def read(self, path: str, **params: str) -> bytes:
        """Return what is there, as it is."""
        return await self._call("GET", path, params)

    async def post(self, path: str, body: object = None, *, within_s: float = QUICK_S, **params: str) -> Any:
        """Have something done, and return what the engine says of it."""
        return _parsed(await self._call("POST", path, params, body=body, within_s=within_s))

    async def delete(self, path: str, **params: str) -> None:
        """Remove something."""
        await self._call("DELETE", path, params)

    async def _call(
        self, method: str, path: str, params: Parameters, *, body: object = None, within_s: float = QUICK_S
    ) -> bytes:
        content = None if body is None else json.dumps(body)
        with translated(path):
            try:
                async with asyncio.timeout(within_s):
                    asking = self._connection.docker._query(path, method, params=dict(params), data=content)
                    async with asking as response:
                        return await response.read()
            except aiodocker.DockerError as problem:
                if problem.status == UNREACHABLE:
                    raise
                raise Declined(problem.status, words(problem)) from problem


def _parsed(content: bytes) -> Any:
    return json.loads(content) if content.strip() else None
