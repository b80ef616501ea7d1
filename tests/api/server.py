"""The application, called in this process, or behind a real uvicorn on a free port of the loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from sternway.api.application import create_application
from sternway.api.websocket import WireProtocol
from sternway.ops.rack import Rack

PASSWORD = "secret"


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve until the block ends, and give `host:port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, ws=WireProtocol, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, 10)


def application(rack: Rack, password: str = PASSWORD) -> FastAPI:
    return create_application(rack, password=password)


def client_of(app: FastAPI, password: str | None = PASSWORD) -> httpx2.AsyncClient:
    """Return a client that calls the application in this process."""
    auth = None if password is None else ("convox", password)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://rack.test", auth=auth)
