"""A rack's API over one keep-alive connection. Proxies that the environment names are not used."""

import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlencode

from sternway.cli import errors
from sternway.cli.address import Address
from sternway.cli.connection import Answer, Body, Connection, Sent, is_sendable

T = TypeVar("T")
Form = Mapping[str, object]

TIMEOUT_S = 60.0
TRANSFER_TIMEOUT_S = 600.0
"""For files of processes: the rack answers once all of it is written."""
IDLE_S = 2.0
"""A connection that rested for longer is not trusted with a request: servers close idle ones after a few seconds."""
UNREACHABLE_HINT = "check that the rack runs and that its URL is right"


class Rack:
    """The API of one rack. Nothing is opened before the first request."""

    def __init__(self, address: Address, *, actor: str, name: str | None = None) -> None:
        """`name` is which of its racks a host with several is asked for."""
        self.address = address
        self._name = name
        self._actor = actor
        self._connection: Connection | None = None
        self._used_at = 0.0
        self._is_used = False

    def fetch(self, kind: type[T], path: str, query: Form | None = None, *, timeout_s: float = TIMEOUT_S) -> T:
        """Return the object that the rack answers with."""
        from sternway.wire import json

        return _shaped(lambda: json.from_json(kind, self.get(path, query, timeout_s=timeout_s)))

    def fetch_all(self, kind: type[T], path: str, query: Form | None = None) -> list[T]:
        """Return the objects of the list that the rack answers with; `null` is an empty one."""
        from sternway.wire import json

        return _shaped(lambda: [json.from_json(kind, item) for item in self.get(path, query) or []])

    def create(self, kind: type[T], path: str, form: Form) -> T:
        """POST a form and return the object that it made."""
        from sternway.wire import json

        answer = self.send("POST", path, form)
        return _shaped(lambda: json.from_json(kind, _decode(answer)))

    def get(self, path: str, query: Form | None = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Return the decoded JSON at a path."""
        return _decode(self.read(path, query, timeout_s=timeout_s))

    def read(self, path: str, query: Form | None = None, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """Return what stands at a path, as it is."""
        text = _encode(query or {})
        target = f"{path}?{text}" if text else path
        was_used = self._is_used
        try:
            return self._exchange("GET", target, timeout_s=timeout_s)
        except errors.Unreachable as exc:
            # A connection that was kept may be closed under a request's feet; one that is slow is just slow.
            if not (was_used and isinstance(exc.__cause__, ConnectionError)):
                raise
            return self._exchange("GET", target, timeout_s=timeout_s)

    def send(self, method: str, path: str, form: Form | None = None, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """Change something. Members of the form that are None are left out; lists are joined by commas."""
        content = _encode(form or {}).encode()
        kind = "application/x-www-form-urlencoded"
        return self._exchange(method, path, body=Body(content, len(content)), kind=kind, timeout_s=timeout_s)

    def upload(self, kind: type[T], path: str, source: BinaryIO, size_bytes: int, *, sent: Sent | None = None) -> T:
        """POST a file of a known size, block by block, and return the object that it made.

        `sent` is told how many bytes have left, again and again.
        """
        from sternway.wire import json

        answer = self._exchange("POST", path, body=Body(source, size_bytes, sent), kind="application/octet-stream")
        return _shaped(lambda: json.from_json(kind, _decode(answer)))

    def start(self, kind: type[T], path: str, options: Mapping[str, str]) -> T:
        """POST options as headers, without a body, and return the object that it made."""
        from sternway.wire import json

        answer = self._exchange("POST", path, body=Body(b"", 0), options=encoded(options))
        return _shaped(lambda: json.from_json(kind, _decode(answer)))

    def put_file(self, path: str, file: Body, kind: str, options: Mapping[str, str]) -> None:
        """POST a file of a known size that nothing is made of, with options as headers."""
        self._exchange("POST", path, body=file, kind=kind, timeout_s=TRANSFER_TIMEOUT_S, options=encoded(options))

    def get_file(self, path: str, query: Form, into: BinaryIO, options: Mapping[str, str]) -> None:
        """Write what stands at a path into a file, as it comes; options are sent as headers."""
        target = f"{path}?{_encode(query)}"
        self._exchange("GET", target, into=into, timeout_s=TRANSFER_TIMEOUT_S, options=encoded(options))

    def headers(self) -> dict[str, str]:
        """Return what every request carries, that of a stream too."""
        authorization = self.address.authorization()
        named = {"Authorization": authorization, "Rack": self._name}
        return {"X-Convox-Actor": self._actor} | {header: value for header, value in named.items() if value}

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _exchange(  # noqa: PLR0913 - one place for whatever a request may have
        self,
        method: str,
        target: str,
        *,
        body: Body | None = None,
        kind: str = "",
        timeout_s: float = TIMEOUT_S,
        options: Mapping[str, str] | None = None,
        into: BinaryIO | None = None,
    ) -> bytes:
        headers = self.headers() | {"Accept": "application/json", "User-Agent": "sternway"}
        headers |= ({"Content-Type": kind} if kind else {}) | dict(options or {})
        target = f"{self.address.prefix}{target}"
        if not is_sendable(target):
            raise errors.usage("the path has characters that cannot be sent", hint="write them as %20 and the like")
        try:
            connection = self._ready(timeout_s)
            answer, is_kept = connection.exchange(method, target, headers, body, timeout_s=timeout_s, into=into)
        except OSError as exc:
            self.close()
            raise _unreachable(self.address, exc) from exc
        self._used_at = time.monotonic()
        self._is_used = True
        if not is_kept:
            self.close()
        return _checked(answer)

    def _ready(self, timeout_s: float) -> Connection:
        if self._connection and time.monotonic() - self._used_at > IDLE_S:
            self.close()
        if self._connection is None:
            self._is_used = False
            self._connection = Connection(self.address, timeout_s=timeout_s)
        return self._connection


def encoded(options: Mapping[str, str]) -> dict[str, str]:
    """Return options as headers: libraries write Latin-1, and what racks read is UTF-8."""
    return {name: value.encode().decode("latin-1") for name, value in options.items()}


def segment(text: str) -> str:
    """Return a name as one segment of a path."""
    return quote(text, safe="")


def refused(status: int, content: bytes) -> errors.Refused:
    """Return the error that an answer carries, from whichever server: JSON, plain text or nothing."""
    import json

    text = content.decode(errors="replace").strip()
    try:
        members = json.loads(text)
    except ValueError:
        return errors.Refused(status, text)
    if not isinstance(members, dict) or not members.get("error"):
        return errors.Refused(status, text)
    hint, code = str(members.get("hint") or ""), str(members.get("code") or "")
    return errors.Refused(status, str(members["error"]), code=code, hint=hint)


def _checked(answer: Answer) -> bytes:
    if answer.status >= 400:
        raise refused(answer.status, answer.content)
    if answer.status >= 300:
        raise errors.CommandFailed(f"the rack answered with a redirect ({answer.status})", hint=UNREACHABLE_HINT)
    return answer.content


def _unreachable(address: Address, exc: Exception) -> errors.Unreachable:
    reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    return errors.Unreachable(f"no answer from the rack at {address.origin}: {reason}", hint=UNREACHABLE_HINT)


def _encode(form: Form) -> str:
    return urlencode({name: _text(value) for name, value in form.items() if value is not None})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return urlencode(value)
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _decode(content: bytes) -> Any:
    import json

    try:
        return json.loads(content)
    except ValueError as exc:
        raise _unexpected() from exc


def _shaped(read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, TypeError) as exc:
        raise _unexpected() from exc


def _unexpected() -> errors.CommandFailed:
    return errors.CommandFailed("the rack's answer makes no sense here", hint="is it the URL of a rack?")
