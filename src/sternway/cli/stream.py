"""What a rack sends over a WebSocket: text frames carry it, one empty binary frame ends it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sternway.cli import client, errors
from sternway.cli.address import Address
from sternway.wire import stream

if TYPE_CHECKING:
    from ssl import SSLContext

    from websockets.sync.client import ClientConnection

OPEN_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 1.0
"""Short: neither side of this protocol waits for a closing handshake."""


def read(rack: client.Rack, path: str, options: Mapping[str, str]) -> Iterator[bytes]:
    """Yield chunks as they come, any bytes, until the rack ends the stream.

    Options travel as headers. It waits without end for the next chunk, as logs do, while pings every 20 s
    tell whether the rack is still there; a connection that is lost raises Unreachable.
    """
    from websockets.exceptions import ConnectionClosed

    with _connected(rack, path, options) as connection:
        try:
            # Undecoded, since lines may hold any bytes. A text and a binary frame then look the same, and
            # what remains of the end marker is that it is empty; no server sends empty text.
            while (chunk := connection.recv(decode=False)) != stream.END_OF_STREAM:
                yield chunk
        except ConnectionClosed as exc:
            raise errors.Unreachable("the connection to the rack was lost", hint=client.UNREACHABLE_HINT) from exc


def _connected(rack: client.Rack, path: str, options: Mapping[str, str]) -> "ClientConnection":
    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect
    from websockets.typing import Origin

    address = rack.address
    try:
        return connect(
            f"ws{address.origin.removeprefix('http')}{address.prefix}{path}",
            ssl=_tls(address),
            origin=Origin(address.origin),
            additional_headers=rack.headers() | {"Accept": "application/json"} | _encoded(options),
            user_agent_header="sternway",
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
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


def _encoded(options: Mapping[str, str]) -> dict[str, str]:
    # The library writes headers as Latin-1; what racks read is UTF-8, as stock clients send it.
    return {name: value.encode().decode("latin-1") for name, value in options.items()}
