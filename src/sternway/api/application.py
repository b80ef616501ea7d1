"""The application: routes, what stands before them, and its description."""

from typing import Any

from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.responses import Response

from sternway.api import errors
from sternway.api.authentication import Gate
from sternway.api.errors import LastResort
from sternway.api.headers import AnswerHeaders, CallLog
from sternway.api.routes import (
    apps,
    builds,
    channel,
    history,
    logs,
    objects,
    processes,
    promotions,
    registries,
    releases,
    services,
    sessions,
    system,
    tokens,
    traffic,
    users,
)
from sternway.ops.rack import Rack

ROUTERS: tuple[APIRouter, ...] = (
    apps.router,
    objects.router,
    builds.router,
    releases.router,
    promotions.router,
    history.router,
    processes.router,
    sessions.router,
    services.router,
    traffic.router,
    logs.router,
    registries.router,
    users.router,
    tokens.router,
    system.router,
    channel.router,
)


def create_application(rack: Rack, *, password: str) -> FastAPI:
    """Return the ASGI application that serves a rack.

    `password` lets callers in, the empty one everybody. Serve it with `api.websocket.WireProtocol`.
    """
    app = FastAPI(
        title="Sternway",
        version=rack.settings.version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(AnswerHeaders),
            Middleware(CallLog),
            Middleware(LastResort),
            Middleware(Gate, password=password),
        ],
    )
    app.state.rack = rack
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_websocket_route("/{path:path}", _refuse_handshake)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]
    return app


async def _refuse_handshake(websocket: WebSocket, path: str) -> None:
    """Answer a handshake for a route that is not there as any other request for one."""
    await websocket.send_denial_response(Response(status_code=404))


def _description(app: FastAPI) -> dict[str, Any]:
    """Describe the API as it is: what does not pass validation is a 400 here, and errors are text."""
    found = get_openapi(title=app.title, version=app.version, routes=app.routes)
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["4XX"] = {"description": "the call cannot succeed as it stands"}
            operation["responses"]["5XX"] = {"description": "the rack, or a part of it, does not answer"}
    schemas = found.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return found
