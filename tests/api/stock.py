"""A client that sends what the stock command line sends, request by request, and reads answers as it does.

Header for header as recorded: every address ends in `?`, GETs carry a content type, options of WebSockets
travel as headers, and an answer that is not JSON where JSON is expected is an error.
"""

import asyncio
import base64
import contextlib
import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

EXIT_MARKER = b"F1E49A85-0AD7-4AEF-A618-C249C6E6568D:"

_STREAM = "application/octet-stream"
_FORM = "application/x-www-form-urlencoded"


class StockError(Exception):
    """What it prints after `ERROR: `."""


class StockClient:
    def __init__(self, rack_url: str) -> None:
        parts = urlsplit(rack_url)
        userinfo = parts.netloc.rpartition("@")[0]
        self.host = parts.netloc.rpartition("@")[2]
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(userinfo.encode()).decode(),
            "User-Agent": "convox.go/dev",
            "Version": "dev",
            "Accept": "*/*",
        }

    async def get(self, path: str, **query: str) -> Any:
        return json.loads(await self._call("GET", f"{path}?{urlencode(query)}", b"", _STREAM))

    async def post(self, path: str, **form: str) -> bytes:
        return await self._call("POST", f"{path}?", urlencode(form).encode(), _FORM)

    async def send(self, path: str, body: bytes) -> Any:
        return json.loads(await self._call("POST", f"{path}?", body, _STREAM))

    async def stream(self, path: str, **options: str) -> bytes:
        """Probe, open a WebSocket, and return what came until the empty binary frame."""
        await self._call("GET", "/machines?", b"", _STREAM)
        headers = {"Authorization": self._headers["Authorization"], **options}
        received = b""
        async with connect(
            f"ws://{self.host}{path}", additional_headers=headers, origin=Origin(f"http://{self.host}"), proxy=None
        ) as socket:
            while True:
                async with asyncio.timeout(10):
                    frame = await socket.recv(decode=False)
                if frame == b"":
                    return received
                received += frame

    async def execute(self, path: str, command: str, stdin: bytes = b"", **options: str) -> tuple[int, bytes]:
        """Run a command over a WebSocket, as without a terminal, and return its exit code and what it printed."""
        await self._call("GET", "/machines?", b"", _STREAM)
        headers = {"Authorization": self._headers["Authorization"], "Command": command, **options}
        async with connect(
            f"ws://{self.host}{path}", additional_headers=headers, origin=Origin(f"http://{self.host}"), proxy=None
        ) as socket:
            with contextlib.suppress(ConnectionClosed):
                for start in range(0, len(stdin), 1024):
                    await socket.send(stdin[start : start + 1024], text=True)
                await socket.send(b"")
            return await self._until_end(socket)

    @staticmethod
    async def _until_end(socket: ClientConnection) -> tuple[int, bytes]:
        code, received = 0, b""
        while True:
            async with asyncio.timeout(10):
                frame = await socket.recv(decode=False)
            if frame == b"":
                return code, received
            before, marker, after = frame.partition(EXIT_MARKER)
            received += before
            code = int(after) if marker else code

    async def delete(self, path: str) -> None:
        await self._call("DELETE", f"{path}?", b"", _STREAM)

    async def run(self, path: str, **headers: str) -> Any:
        """POST with everything in headers and no body."""
        return json.loads(await self._call("POST", f"{path}?", b"", _STREAM, **headers))

    async def _call(self, method: str, target: str, body: bytes, kind: str, **options: str) -> bytes:
        headers = {**self._headers, "Content-Type": kind, **options}
        return await asyncio.to_thread(self._exchange, method, target, body, headers)

    def _exchange(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise StockError(content.decode().strip() or f"response status {answer.status}")
        return content
