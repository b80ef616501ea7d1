"""Who may call: whoever has the rack's password, and no other site through a visitor's browser."""

import base64
import binascii
import hmac
from urllib.parse import unquote, urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from sternway.api import errors
from sternway.core.errors import Refused, SternwayError, Unauthenticated

OPEN_PATHS = frozenset({"/check", "/channel"})
OPEN_BELOW = "/channel/"
"""Files of a channel: whoever reads them believes their signatures, and not who serves them."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Gate:
    """Lets a request or a handshake through, or answers 401 or 403. An empty password lets everyone in."""

    def __init__(self, app: ASGIApp, *, password: str) -> None:
        self._app = app
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            check_password(connection.headers.get("authorization", ""), self._password)
            _check_site(connection)
        except SternwayError as error:
            await errors.answer(connection, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    return scope["type"] == "http" and (scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_BELOW))


def check_password(authorization: str, password: str) -> None:
    """Raise Unauthenticated unless the header carries the password, with any user name.

    Clients send the password as it stands in the rack's URL, which may be percent-encoded.
    """
    if not password:
        return
    sent = _password_of(authorization)
    is_plain = hmac.compare_digest(sent.encode(), password.encode())
    is_encoded = hmac.compare_digest(unquote(sent).encode(), password.encode())
    if not (is_plain or is_encoded):
        raise Unauthenticated("invalid authentication", hint="check the password in RACK_URL")


def _password_of(authorization: str) -> str:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[2]


def _check_site(connection: HTTPConnection) -> None:
    """Refuse what a page of another site has a browser send: browsers keep passwords, and WebSockets know no CORS."""
    origin = connection.headers.get("origin")
    if origin is None or _is_harmless(connection):
        return
    theirs = _address(origin)
    ours = _address(f"{origin.partition('://')[0]}://{connection.headers.get('host', '')}")
    if theirs is None or theirs != ours:
        raise Refused("origin: another site", hint="call the rack from its own address")


def _is_harmless(connection: HTTPConnection) -> bool:
    return connection.scope["type"] == "http" and connection.scope["method"] in _SAFE_METHODS


def _address(url: str) -> tuple[str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None
