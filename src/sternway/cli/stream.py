"""What passes over a WebSocket: text frames carry it, one empty binary frame ends it, each way."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sternway.cli import client, errors
from sternway.cli.address import Address
from sternway.wire import stream

if TYPE_CHECKING:
    from ssl import SSLContext

    from websockets.sync.client import ClientConnection

OPEN_TIMEOUT_S = 30.0
PONG_S = 20.0
CLOSE_TIMEOUT_S = 1.0
"""Short: neither side of this protocol waits for a closing handshake."""


KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4}
"""How the kernel finds out that a rack is gone where nobody waits for its pongs; in seconds, and a count."""


class Conversation:
    """A connection that bytes pass over both ways. One thread may read while another one sends."""

    def __init__(self, connection: "ClientConnection") -> None:
        self._connection = connection

    def send(self, content: bytes) -> None:
        """Send bytes, waiting while the rack takes none; a connection that is lost shows where one reads."""
        from websockets.exceptions import ConnectionClosed

        try:
            self._connection.send(content, text=bool(content))
        except ConnectionClosed:
            return

    def end_input(self) -> None:
        """Say that nothing more is sent."""
        self.send(stream.END_OF_STREAM)

    def frames(self) -> Iterator[bytes]:
        """Yield what comes until the rack ends it; raises Unreachable when the connection is lost."""
        return _frames(self._connection)


def read(rack: client.Rack, path: str, options: Mapping[str, str]) -> Iterator[bytes]:
    """Yield chunks as they come, any bytes, until the rack ends the stream.

    Options travel as headers. It waits without end for the next chunk, as logs do, while pings every 20 s
    tell whether the rack is still there; a connection that is lost raises Unreachable.
    """
    with _connected(rack, path, options, PONG_S) as connection:
        yield from _frames(connection)


@contextmanager
def converse(rack: client.Rack, path: str, options: Mapping[str, str]) -> Iterator[Conversation]:
    """Open a connection for both directions; leaving the block closes it, and so ends what goes on there."""
    # A rack whose program reads nothing reads nothing either, pings included: that is no reason to leave.
    with _connected(rack, path, options, None) as connection:
        _keep_alive(connection.socket)
        yield Conversation(connection)


def _keep_alive(opened: socket.socket) -> None:
    # A connection that the rack has ended by now needs none of it; what came is still there to be read.
    with suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _frames(connection: "ClientConnection") -> Iterator[bytes]:
    from websockets.exceptions import ConnectionClosed

    try:
        # Undecoded, since they may hold any bytes. A text and a binary frame then look the same, and what
        # remains of the end marker is that it is empty; no server sends empty text.
        while (chunk := connection.recv(decode=False)) != stream.END_OF_STREAM:
            yield chunk
    except ConnectionClosed as exc:
        raise errors.Unreachable("the connection to the rack was lost", hint=client.UNREACHABLE_HINT) from exc


def _connected(rack: client.Rack, path: str, options: Mapping[str, str], pong_s: float | None) -> "ClientConnection":
    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect
    from websockets.typing import Origin

    address = rack.address
    try:
        return connect(
            f"ws{address.origin.removeprefix('http')}{address.prefix}{path}",
            ssl=_tls(address),
            origin=Origin(address.origin),
            additional_headers=rack.headers() | {"Accept": "application/json"} | client.encoded(options),
            user_agent_header="sternway",
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_timeout=pong_s,
            legacy=True,
        )
    except InvalidStatus as exc:
        raise client.refused(exc.response.status_code, bytes(exc.response.body or b"")) from exc
    except (OSError, InvalidHandshake) as exc:
        message = f"no answer from the rack at {address.origin}: {str(exc) or type(exc).__name__}"
        raise errors.Unreachable(message, hint=client.UNREACHABLE_HINT) from exc


def _tls(address: Address) -> "SSLContext | None":
    if not address.is_secure:
        return None
    from sternway.cli import tls

    return tls.context()
