"""Who may call: whoever has the rack's password, its users and tokens as far as their role goes, and no other site
through a visitor's browser.

The rack's password is compared first and costs nothing more; `permissions` says what everybody else needs.
"""

import base64
import binascii
import hmac
from urllib.parse import unquote, urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from sternway.api import errors, permissions, revocation
from sternway.api.inputs import rack_of
from sternway.core.access import ADMIN, Principal
from sternway.core.errors import Refused, SternwayError, Unauthenticated
from sternway.ops import access

OPEN_PATHS = frozenset({"/check", "/channel", "/invitations/accept"})
OPEN_BELOW = "/channel/"
"""Files of a channel: whoever reads them believes their signatures, and not who serves them."""

MAX_ADDRESS = 64

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Gate:
    """Lets a request or a handshake through, or answers 401, 403 or 429. An empty password lets everyone in.

    Who it is stands in the state of the scope as `principal`.
    """

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
            principal = await self._admitted(connection)
            _check_site(connection)
            look = await self._look(connection) if scope["type"] == "websocket" and principal is not ADMIN else None
        except SternwayError as error:
            await errors.answer(connection, error)(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        if look:
            await revocation.serve(self._app, (scope, receive, send), rack_of(connection), look)
        else:
            await self._app(scope, receive, send)

    async def _admitted(self, connection: HTTPConnection) -> Principal:
        """Return who calls, if they may make this request; raises what is to be answered otherwise."""
        if has_password(connection.headers.get("authorization", ""), self._password):
            return ADMIN
        name, password = _credentials(connection)
        if not password:
            raise _wrong()
        principal = await access.authenticate(rack_of(connection), name, password, address_of(connection))
        permissions.check(connection.scope, principal, name)
        return principal

    async def _look(self, connection: HTTPConnection) -> revocation.Check:
        """Return what tells whether somebody who was let in may stay."""
        rack, (name, password) = rack_of(connection), _credentials(connection)
        known = await access.known_by(rack, name, password)

        async def look() -> Principal:
            principal = await access.recheck(rack, name, password, known)
            permissions.check(connection.scope, principal, name)
            return principal

        return look


def _credentials(connection: HTTPConnection) -> tuple[str, str]:
    """Return name and password. Clients may send both percent-encoded: decoded, no password of a user is another."""
    name, password = _pair_of(connection.headers.get("authorization", ""))
    return unquote(name), unquote(password)


def address_of(connection: HTTPConnection) -> str:
    """Return where a call comes from; the router, which is the only one to use a socket file, says for whom."""
    if connection.client:
        return connection.client.host
    return connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:MAX_ADDRESS]


def _is_open(scope: Scope) -> bool:
    return scope["type"] == "http" and (scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_BELOW))


def has_password(authorization: str, password: str) -> bool:
    """Tell whether the header carries the password, with any user name; whatever it carries if there is none.

    Clients send the password as it stands in the rack's URL, which may be percent-encoded.
    """
    if not password:
        return True
    sent = _pair_of(authorization)[1]
    is_plain = hmac.compare_digest(sent.encode(), password.encode())
    is_encoded = hmac.compare_digest(unquote(sent).encode(), password.encode())
    return is_plain or is_encoded


def check_password(authorization: str, password: str) -> None:
    """Raise Unauthenticated unless the header carries the password."""
    if not has_password(authorization, password):
        raise _wrong()


def _wrong() -> Unauthenticated:
    return Unauthenticated("invalid authentication", hint="check the password in RACK_URL")


def _pair_of(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, password = pair.partition(":")
    return name, password


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
