"""The console as one application, below /console: what stands before its pages, and how errors look."""

import logging
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sternway.console import routes, static_files, texts, visit
from sternway.console.headers import PageHeaders
from sternway.console.pages import Pages
from sternway.console.visit import Console
from sternway.core import errors
from sternway.core.errors import SternwayError
from sternway.ops.rack import Rack

STATUSES = {
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.ArtifactGone: HTTPStatus.GONE,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.CallerError: HTTPStatus.BAD_REQUEST,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StaleEpoch: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The nearest class in the order of inheritance counts; what has none is a fault of the rack: 500."""

log = logging.getLogger(__name__)


def create_console(rack: Rack, *, password: str) -> Starlette:
    """Return the ASGI application that serves the pages of a rack; `password` makes whoever has it an admin."""
    files = static_files.load()
    app = Starlette(
        routes=[
            Route("/console/static/{path:path}", _static),
            Route("/console/", _without_slash),
            *routes.all_routes(),
        ],
        middleware=[Middleware(PageHeaders)],
        exception_handlers={SternwayError: _on_error, HTTPException: _on_http, Exception: _on_fault},
    )
    app.router.redirect_slashes = False
    app.state.console = Console(rack, password, files, Pages(files))
    return app


async def _static(request: Request) -> Response:
    return static_files.answer(request, visit.console_of(request).files)


async def _without_slash(request: Request) -> Response:
    return RedirectResponse("/console", HTTPStatus.SEE_OTHER)


def status_of(error: SternwayError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    kinds = [kind for kind in type(error).__mro__ if kind in STATUSES]
    return STATUSES[kinds[0]] if kinds else HTTPStatus.INTERNAL_SERVER_ERROR


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SternwayError)
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return await _on_fault(request, error)
    answer = _page(request, status, error.message, error.hint)
    if isinstance(error, errors.TooManyAttempts):
        answer.headers["Retry-After"] = str(error.after_s)
    return answer


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    is_missing = status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
    if is_missing:
        return _page(request, HTTPStatus.NOT_FOUND, texts.NO_SUCH_PAGE, texts.NO_SUCH_PAGE_HINT)
    return _page(request, status, error.detail, "")


async def _on_fault(request: Request, error: Exception) -> Response:
    """Say that something went wrong, and no more: what it was is in the log of the rack."""
    request_id = request.scope.get("state", {}).get("request_id", "")
    log.error("page failed", extra={"path": request.url.path, "request_id": request_id}, exc_info=error)
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR, texts.FAULT, texts.FAULT_HINT.format(id=request_id))


def _page(request: Request, status: HTTPStatus, message: str, hint: str) -> Response:
    values = {
        "message": message,
        "hint": hint,
        "status": int(status),
        "rack_name": visit.console_of(request).rack.settings.name,
    }
    answer = visit.console_of(request).pages.answer("error.html", values, status=status)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = "1"
    return answer
