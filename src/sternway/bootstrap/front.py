"""What a rack answers over HTTP: the console below its own address, the api everywhere else."""

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sternway.api.application import create_application
from sternway.console.application import create_console
from sternway.ops.rack import Rack

CONSOLE = "/console"


class Front:
    """Hands each request on. A browser that asks for no page in particular is shown the console."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and _is_below_console(scope["path"]):
            await self._console(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/" and _wants_page(scope):
            await RedirectResponse(CONSOLE)(scope, receive, send)
        else:
            await self._api(scope, receive, send)


def create_front(rack: Rack, *, password: str) -> Front:
    """Return the ASGI application of a rack, console and api."""
    return Front(create_application(rack, password=password), create_console(rack, password=password))


def _is_below_console(path: str) -> bool:
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")


def _wants_page(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") and "text/html" in Request(scope).headers.get("accept", "")
