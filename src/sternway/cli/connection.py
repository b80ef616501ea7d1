"""One keep-alive HTTP/1.1 connection: a request out, an answer in, nothing else.

The standard library's client takes half of a quick command's time to import (mail headers and TLS). What is hard
about HTTP, reading an answer, is left to httptools, the parser that the rack's own server uses.
"""

import socket
from collections.abc import Callable, Mapping
from typing import BinaryIO, NamedTuple

import httptools

from sternway.cli.address import Address

READ_BYTES = 64 * 1024
BLOCK_BYTES = 64 * 1024

Sent = Callable[[int], None]


class Body(NamedTuple):
    """What a request carries; `sent` is told how many bytes have left so far."""

    content: bytes | BinaryIO
    size_bytes: int
    sent: Sent | None = None


class Answer(NamedTuple):
    """What came back: the status of HTTP and the whole body."""

    status: int
    content: bytes


class Connection:
    """Connected when it is made. Any error leaves it unusable: close it."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self.sock = _connected(address, timeout_s)
        self._origin = address.origin

    def exchange(  # noqa: PLR0913 - one place for whatever a request may have
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        timeout_s: float,
        into: BinaryIO | None = None,
    ) -> tuple[Answer, bool]:
        """Send a request and return its answer, and whether another request may follow.

        The body of an answer that is no error goes `into` a file, where one is given.
        Raises OSError when no whole answer came. Without the time-out in seconds passing between two bytes, it
        waits.
        """
        self.sock.settimeout(timeout_s)
        self.sock.sendall(_head(method, target, self._host_header() | dict(headers), body))
        if body is not None:
            self._send(body)
        return self._receive(into)

    def close(self) -> None:
        """Close it; a second time changes nothing."""
        self.sock.close()

    def _host_header(self) -> dict[str, str]:
        return {"Host": self._origin.partition("://")[2]}

    def _send(self, body: Body) -> None:
        try:
            if isinstance(body.content, bytes):
                self.sock.sendall(body.content)
            else:
                self._send_blocks(body.content, body.sent)
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer (too large, no access) and close before it has read all of a body.
            pass

    def _send_blocks(self, source: BinaryIO, sent: Sent | None) -> None:
        total = 0
        while block := source.read(BLOCK_BYTES):
            self.sock.sendall(block)
            total += len(block)
            if sent:
                sent(total)

    def _receive(self, into: BinaryIO | None) -> tuple[Answer, bool]:
        reading = _Reading(into)
        try:
            while reading.answer is None:
                if not (received := self.sock.recv(READ_BYTES)):
                    return reading.cut_off(), False
                reading.parser.feed_data(received)
        except httptools.HttpParserError as exc:
            raise OSError(f"what came back is not HTTP: {exc}") from exc
        return reading.answer, reading.is_kept


class _Reading:
    """What the parser calls while it reads one answer."""

    def __init__(self, into: BinaryIO | None) -> None:
        self._into = into
        self.parser = httptools.HttpResponseParser(self)
        self.answer: Answer | None = None
        self.is_kept = False
        self._parts: list[bytes] = []
        self._is_bounded = False
        self._has_head = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._is_bounded = True

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, part: bytes) -> None:
        if self._into is not None and self.parser.get_status_code() < 300:
            self._into.write(part)
        else:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() < 200:
            self._has_head = False  # "early hints" and the like: the answer itself follows
            return
        self.is_kept = self.parser.should_keep_alive()
        self.answer = Answer(self.parser.get_status_code(), b"".join(self._parts))

    def cut_off(self) -> Answer:
        """Return the answer of a server that ends its bodies by closing; raises if this is none."""
        if not self._has_head or self._is_bounded:
            raise ConnectionResetError("the connection was closed before the answer was whole")
        return Answer(self.parser.get_status_code(), b"".join(self._parts))


def is_sendable(target: str) -> bool:
    """Tell whether a path can stand in the first line of a request as it is."""
    return target.startswith("/") and target.isascii() and target.isprintable() and " " not in target


def _connected(address: Address, timeout_s: float) -> socket.socket:
    # As bytes a plain host spares the import of the tables for international names.
    host = address.host.encode() if address.host.isascii() else address.host
    plain = socket.create_connection((host, address.port), timeout_s)  # type: ignore[arg-type]
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.is_secure:
        return plain
    from sternway.cli import tls

    try:
        return tls.context().wrap_socket(plain, server_hostname=address.host)
    except BaseException:
        plain.close()
        raise


def _head(method: str, target: str, headers: Mapping[str, str], body: Body | None) -> bytes:
    sizes = {"Content-Length": str(body.size_bytes)} if body else {}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**headers, **sizes}.items())]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a header with a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
