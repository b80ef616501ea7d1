"""One request of a browser: who makes it, what it sends, and how it is answered.

Whoever is not signed in is shown the way to it. What changes something is believed only with the token that a page
of this console had for this session, and never from another site.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sternway.console import live, pages, texts
from sternway.console.static_files import StaticFile
from sternway.core.access import Principal, Role
from sternway.core.app import App, Made
from sternway.core.errors import InvalidInput, NotFound, Refused, SternwayError, TooLarge, Unauthenticated
from sternway.core.names import is_name
from sternway.ops import access
from sternway.ops.rack import Rack

PREFIX = "/console"
SESSION_COOKIE = "sternway_session"
FORM_COOKIE = "sternway_form"
TOKEN_FIELD = "form-token"
MAX_FORM_BYTES = 2 * 1024 * 1024
MAX_FIELDS = 500
MAX_REASON = 500
VISITOR_DIGITS = 32
LOOK_AGAIN_S = 1.0
"""How often it is looked at whether who is kept up to date still may be."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Console:
    """What every page needs. `open_streams` counts browsers that are kept up to date."""

    rack: Rack
    password: str = field(repr=False)
    files: Mapping[str, StaticFile]
    pages: pages.Pages
    open_streams: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by somebody who is signed in, with its form if it has one."""

    request: Request
    console: Console
    principal: Principal
    form_token: str
    form: Mapping[str, str]

    @property
    def rack(self) -> Rack:
        """Return the rack that is looked at."""
        return self.console.rack

    @property
    def app(self) -> str:
        """Return the app that the address names."""
        return self.part("app")

    def part(self, name: str) -> str:
        """Return a part of the address."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """Return a parameter of the address, empty where there is none."""
        return self.request.query_params.get(name, "")

    def made(self, default_reason: str = "") -> Made:
        """Return who does it, when, and why if they said so."""
        said = "".join(c for c in self.form.get("reason", "") if c.isprintable()).strip()[:MAX_REASON]
        return Made(self.rack.clock.now(), self.principal.name, said or default_reason)

    def reasoned(self, app: App) -> Made:
        """Return the same, for an app that may have people asked; raises InvalidInput if they did not say why."""
        made = self.made()
        if app.settings.asks_reason and not made.reason:
            raise InvalidInput(texts.NO_REASON, hint=texts.NO_REASON_HINT)
        return made

    def may(self, role: Role, app: str | None = None) -> bool:
        """Tell whether this visitor may do what takes the role."""
        try:
            self.principal.require(role, app)
        except Refused:
            return False
        return True

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Answer with a page."""
        return self.console.pages.answer(template, self._around() | values, status=status)

    def part_of_page(self, template: str, **values: Any) -> str:
        """Return a part of a page, as an event carries it."""
        return self.console.pages.render(template, self._around() | values)

    def stream(self, events: Any) -> Response:
        """Answer with events; raises Refused while too many browsers are kept up to date."""
        if self.console.open_streams >= live.MAX_OPEN:
            raise Refused("too many pages are open", hint="close some of them")
        return live.answer(_while_allowed(self, events))

    def _around(self) -> dict[str, Any]:
        settings = self.rack.settings
        return {
            "rack_name": settings.name,
            "rack_version": settings.version,
            "now": self.rack.clock.now(),
            "me": self.principal,
            "form_token": self.form_token,
            "path": self.request.url.path,
            "may_change": self.may(Role.OPERATOR, self.request.path_params.get("app")),
            "may_manage": self.may(Role.ADMIN),
            "sees_rack": self.may(Role.VIEWER),
        }


Handler = Callable[[Visit], Awaitable[Response]]
Sent = Callable[[Visit, Handler], Awaitable[Response]]


def page(path: str, handler: Handler, *, role: Role | None = Role.VIEWER) -> Route:
    """Return a route that shows something; without a role to everybody who is signed in."""
    return Route(PREFIX + path, _guarded(handler, role), methods=["GET"])


def action(path: str, handler: Handler, *, role: Role | None = Role.OPERATOR) -> Route:
    """Return a route that changes something."""
    return Route(PREFIX + path, _guarded(handler, role), methods=["POST"])


def upload(path: str, handler: Handler, *, role: Role | None = Role.OPERATOR) -> Route:
    """Return a route that changes something, whose handler reads a form with a file by itself, and checks it."""
    return Route(PREFIX + path, _guarded(handler, role, _received), methods=["POST"])


def to(*parts: str | int, **parameters: str) -> Response:
    """Send the browser on to a page, which it gets anew."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return RedirectResponse(address(*parts) + query, HTTPStatus.SEE_OTHER)


def to_address(own: str) -> Response:
    """Send the browser on to an address of this console."""
    return RedirectResponse(own, HTTPStatus.SEE_OTHER)


def address(*parts: str | int) -> str:
    """Return the address of a page."""
    return "/".join((PREFIX, *(quote(str(part), safe="") for part in parts)))


def console_of(request: Request) -> Console:
    """Return the console that this application serves."""
    return cast(Console, request.app.state.console)


def visitor_of(request: Request) -> str:
    """Return what marks the forms of a browser that is not signed in; a new one is marked once."""
    kept = request.cookies.get(FORM_COOKIE, "")
    if len(kept) == VISITOR_DIGITS and kept.isalnum():
        return kept
    found: str = request.scope["state"].setdefault("visitor", console_of(request).rack.ids.secret(VISITOR_DIGITS))
    return found


def token_for(console: Console, visitor: str) -> str:
    """Return what a form has to bring along in a browser that is not signed in."""
    return console.rack.secrets.fingerprint(f"console form\n{visitor}".encode())


def check_form(request: Request, form: Mapping[str, str], expected: str) -> None:
    """Raise Refused for a form that no page of this console sent."""
    origin = request.headers.get("origin")
    is_ours = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        is_ours = False
    if not is_ours or not hmac.compare_digest(form.get(TOKEN_FIELD, "").encode(), expected.encode()):
        raise Refused("this form is out of date", hint="go back, load the page again, and send it once more")


async def read_form(request: Request) -> Mapping[str, str]:
    """Read the fields; the last value of a field counts, except that `remove` collects its values as lines."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TooLarge(f"form: larger than {MAX_FORM_BYTES} bytes", hint="use the command line")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise InvalidInput("form: not UTF-8, or too many fields", hint="use the command line") from exc
    removed = "\n".join(value for name, value in pairs if name == "remove")
    return dict(pairs) | ({"remove": removed} if removed else {})


def keep_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Have the browser keep a cookie that no script sees and no other site's form sends."""
    is_secure = request.url.scheme == "https"
    response.set_cookie(name, value, path=PREFIX, httponly=True, samesite="lax", secure=is_secure)


def _guarded(handler: Handler, role: Role | None, sent: Sent | None = None) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        console = console_of(request)
        try:
            session = await _session(request)
        except Unauthenticated:
            return _to_sign_in(request)
        if role:
            session.principal.require(role, request.path_params.get("app"))
        _check_app(request)
        seen = Visit(request, console, session.principal, session.form_secret, {})
        return await ((sent or _sent)(seen, handler) if request.method == "POST" else handler(seen))

    return serve


async def _session(request: Request) -> access.Session:
    console = console_of(request)
    return await access.resume(console.rack, request.cookies.get(SESSION_COOKIE, ""), console.password)


async def _sent(seen: Visit, handler: Handler) -> Response:
    form = await read_form(seen.request)
    check_form(seen.request, form, seen.form_token)
    response = await handler(replace(seen, form=form))
    _log(seen.request, seen.principal, response)
    return response


async def _received(seen: Visit, handler: Handler) -> Response:
    response = await handler(seen)
    _log(seen.request, seen.principal, response)
    return response


def _to_sign_in(request: Request) -> Response:
    """Show the way in. A stream ends for good: its page has to be loaded anew."""
    if request.headers.get("accept", "").startswith("text/event-stream"):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = {"next": asked} if request.method == "GET" else {}
    return to("sign-in", **wanted)


def _check_app(request: Request) -> None:
    name = request.path_params.get("app")
    if name is not None and not is_name(name):
        raise NotFound(f"app not found: {name}", hint="sternway apps")


def _log(request: Request, principal: Principal, response: Response) -> None:
    fields = {"path": request.url.path, "actor": principal.name, "status": response.status_code}
    log.info("console action answered", extra=fields | {"request_id": request.scope["state"]["request_id"]})


async def _while_allowed(seen: Visit, events: Any) -> Any:
    """Pass events on, and none any more once whoever sees them was signed out or may see less."""
    console, looked_at = seen.console, seen.rack.clock.monotonic()
    console.open_streams += 1
    try:
        async for event in events:
            now = seen.rack.clock.monotonic()
            if now - looked_at >= LOOK_AGAIN_S:
                looked_at = now
                if not await _is_allowed(seen):
                    return
            yield event
    finally:
        console.open_streams -= 1
        await events.aclose()


async def _is_allowed(seen: Visit) -> bool:
    try:
        session = await _session(seen.request)
    except SternwayError:
        return False
    return session.principal == seen.principal
