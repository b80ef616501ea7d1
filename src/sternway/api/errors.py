"""Errors as answers: a status, and text or JSON as the client asked for.

Clients of the contract print the text through a printf, so it never holds a percent sign, and they take a
404 without a body to mean that the rack has no such route.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sternway.api.answers import json_response
from sternway.core import errors
from sternway.core.errors import InvalidInput, SternwayError, TooManyAttempts

STATUSES: Mapping[type[SternwayError], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.ArtifactGone: HTTPStatus.GONE,
    errors.Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.BuildFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CallerError: HTTPStatus.BAD_REQUEST,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StaleEpoch: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The nearest class in the order of inheritance counts; what has none is a fault of the rack: 500."""

HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Basic realm="convox"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
    # What is left of an upload that is too large is not read.
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
}

log = logging.getLogger(__name__)


class InternalError(SternwayError):
    """Something that nobody foresaw; what it was is in the log of the rack and nowhere else."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("internal error", hint="the log of the rack says more, under the Request-Id of this answer")


def status_of(error: SternwayError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    kinds = [kind for kind in type(error).__mro__ if kind in STATUSES]
    return STATUSES[kinds[0]] if kinds else HTTPStatus.INTERNAL_SERVER_ERROR


def answer(connection: HTTPConnection, error: SternwayError) -> Response:
    """Return the answer for an error: JSON if the client lists it, else text."""
    status = status_of(error)
    headers = dict(HEADERS.get(status, {}))
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.after_s)
    if accepts_json(connection):
        body = {"error": error.message, "code": error.code, "hint": error.hint}
        return json_response(body, status=status, headers=headers)
    return PlainTextResponse(text_of(error), status_code=status, headers=headers)


def accepts_json(connection: HTTPConnection) -> bool:
    """Tell whether the client lists JSON among what it accepts; `*/*` does not count."""
    kinds = ",".join(connection.headers.getlist("accept")).split(",")
    return any(kind.partition(";")[0].strip().lower() == "application/json" for kind in kinds)


def text_of(error: SternwayError) -> str:
    """Return message and hint as lines that a terminal and a printf take as they are."""
    lines = "\n".join(line for line in (error.message, error.hint) if line)
    shown = lines.replace("%", " percent")
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in shown) + "\n"


def install(app: FastAPI) -> None:
    """Have an application answer errors this way."""
    app.add_exception_handler(SternwayError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_error(connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, SternwayError)
    if status_of(error) is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", extra=_fields(connection), exc_info=error)
        return answer(connection, InternalError())
    return answer(connection, error)


async def _on_invalid(connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(connection, invalid(error.errors()))


def invalid(found: Any) -> InvalidInput:
    """Name the field and what is wrong with it, and never its value."""
    first = found[0]
    field = str(first["loc"][-1]) if first["loc"] else "request"
    return InvalidInput(f"{field}: {first['msg'].removeprefix('Value error, ')}", hint="")


async def _on_http(connection: HTTPConnection, error: Exception) -> Response:
    """Answer what the framework refuses. No such path and no such method on it are both no such route."""
    assert isinstance(error, HTTPException)
    if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return PlainTextResponse(f"{error.detail}\n".replace("%", " percent"), status_code=error.status_code)


class LastResort:
    """Answers 500 with a fixed sentence, and logs what happened."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        has_begun = False

        async def seen(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, seen)
        except (ClientDisconnect, ConnectionResetError):
            return
        except Exception:
            if scope["type"] == "lifespan" or has_begun:
                raise
            log.exception("request failed", extra=_fields(HTTPConnection(scope)))
            await answer(HTTPConnection(scope), InternalError())(scope, receive, send)


def _fields(connection: HTTPConnection) -> dict[str, Any]:
    return {"path": connection.scope["path"], "request_id": connection.scope.get("state", {}).get("request_id", "")}
