"""Headers of the contract: who acts, and what every answer carries."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sternway.core.access import ADMIN, FIRST_ADMIN
from sternway.core.errors import InvalidInput

ACTOR = ("Convox-Actor", "X-Convox-Actor")
REASON = "Reason"
DEFAULT_ACTOR = FIRST_ADMIN
REQUEST_ID = "Request-Id"
MAX_LENGTH = 500

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FIXED = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")

log = logging.getLogger(__name__)


def actor(connection: HTTPConnection) -> str:
    """Return who calls: a user or a token; whoever has the rack's password is who they say to be."""
    principal = connection.scope.get("state", {}).get("principal", ADMIN)
    if principal is not ADMIN:
        return str(principal.name)
    said = (clean(connection.headers.get(name, "")) for name in ACTOR)
    return next(filter(None, said), DEFAULT_ACTOR)


def clean(text: str) -> str:
    """Return text of a caller as one line that can be shown anywhere."""
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_LENGTH]


def text_of(headers: Headers, name: str) -> str:
    """Return the text of a header; clients send UTF-8. Raises InvalidInput for anything else."""
    try:
        return headers.get(name, "").encode("latin-1").decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{name}: not UTF-8", hint="encode it as UTF-8") from exc


def request_id() -> str:
    """Return 12 random hex digits."""
    return secrets.token_hex(6)


class AnswerHeaders:
    """Puts the id of the request and the fixed headers on every answer, errors and handshakes included."""

    def __init__(self, app: ASGIApp, *, new_id: Callable[[], str] = request_id) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        fixed = {REQUEST_ID: self._new_id(), **_FIXED}
        scope.setdefault("state", {})["request_id"] = fixed[REQUEST_ID]

        async def with_headers(message: Message) -> None:
            if message["type"] in _STARTS:
                MutableHeaders(scope=message).update(fixed)
            await send(message)

        await self._app(scope, receive, with_headers)


class CallLog:
    """Logs one line for each call that may have changed something, with who made it and how it was answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in _SAFE_METHODS:
            await self._app(scope, receive, send)
            return

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                log.info("call answered", extra=_fields(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, logged)


def _fields(scope: Scope, status: int) -> dict[str, Any]:
    return {
        "method": scope["method"],
        "path": scope["path"],
        "status": int(status),
        "actor": actor(HTTPConnection(scope)),
        "request_id": scope["state"]["request_id"],
    }
