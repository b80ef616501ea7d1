"""A scripted engine: it answers as it is told to, for what no real one here does."""

import contextlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

Answer = Callable[[web.StreamResponse], Awaitable[None]]


@dataclass(slots=True)
class Scripted:
    """What it says of itself, how it answers a build, and what it was asked."""

    address: str
    ping: Mapping[str, str]
    answer: Answer
    images: dict[str, str] = field(default_factory=dict)
    listed: list[Mapping[str, object]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    context: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        application = web.Application()
        api = "/v1.41"
        application.add_routes(
            [
                web.get("/version", self._version),
                web.get("/_ping", self._ping),
                web.post(f"{api}/build", self._build),
                web.post(f"{api}/images/create", self._pull),
                web.get(f"{api}/images/json", self._list),
                web.delete(f"{api}/images/{{name:.+}}", self._delete),
                web.post(f"{api}/images/{{name:.+}}/tag", self._tag),
                web.get(f"{api}/images/{{name:.+}}/json", self._inspect),
            ]
        )
        return application

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.41"})

    async def _ping(self, request: web.Request) -> web.Response:
        return web.Response(text="OK", headers=self.ping)

    async def _pull(self, request: web.Request) -> web.Response:
        self._note(request)
        self.images[request.query["fromImage"]] = "sha256:base"
        return web.Response(text='{"status":"Pulled"}\n')

    async def _list(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.json_response(self.listed)

    async def _delete(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.json_response([])

    async def _tag(self, request: web.Request) -> web.Response:
        return web.Response(status=201)

    async def _inspect(self, request: web.Request) -> web.Response:
        image = self.images.get(request.match_info["name"])
        if image is None:
            return web.json_response({"message": "No such image"}, status=404)
        return web.json_response({"Id": image})

    def _note(self, request: web.Request) -> None:
        self.asked.append((request.path.removeprefix("/v1.41"), dict(request.query)))

    async def _build(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        with tarfile.open(fileobj=io.BytesIO(await request.read())) as tar:
            self.context = tar.getnames()
        response = web.StreamResponse()
        await response.prepare(request)
        await self.answer(response)
        return response


def telling(*messages: Mapping[str, object]) -> Answer:
    """Return an answer of these messages, and a good end."""

    async def answer(response: web.StreamResponse) -> None:
        for message in messages:
            await response.write(json.dumps(message).encode() + b"\r\n")

    return answer


@contextlib.asynccontextmanager
async def running(directory: Path, answer: Answer, ping: Mapping[str, str]) -> AsyncIterator[Scripted]:
    """Run a scripted engine until the block ends."""
    socket = directory / "engine.sock"
    engine = Scripted(f"unix://{socket}", ping, answer)
    # A handler whose client went away is cancelled: that is how an engine learns that a build is unwanted.
    runner = web.AppRunner(engine.application(), handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield engine
    finally:
        await runner.cleanup()
