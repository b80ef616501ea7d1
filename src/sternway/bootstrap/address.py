"""Where the rack and its apps answer."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sternway.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, option: str, text: str) -> "Address":
        """Read HOST:PORT; raises InvalidInput that names the option."""
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise InvalidInput(f"{option}: {text!r} is not HOST:PORT", hint=f"for example {option} 127.0.0.1:5443")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


HELD = "the router holds it for this rack as its launcher starts it: run DIR/launcher/run, or choose another port"


@contextlib.contextmanager
def listening(address: Address, *, holder: Path) -> Iterator[socket.socket]:
    """Listen there until the block ends; raises InvalidInput when somebody else does.

    `holder` is where it stands on which address the router holds the clients of the API, if it does.
    """
    try:
        listener = socket.create_server((address.host, address.port), backlog=1024)
    except OSError as exc:
        is_held = holder.is_file() and holder.read_text(errors="replace").strip() == str(address)
        hint = HELD if is_held else "choose another port"
        raise InvalidInput(f"--listen: cannot listen on {address}: {exc.strerror}", hint=hint) from exc
    with listener:
        yield listener


def kept(recorded: Path, asked: Address) -> Address:
    """Return where the router listens; port 0 takes a free one once and stays with the one on record."""
    if asked.port:
        return asked
    with contextlib.suppress(FileNotFoundError):
        return Address.parse(str(recorded), recorded.read_text(errors="replace").strip())
    with socket.create_server((asked.host, 0)) as probe:
        return Address(*probe.getsockname()[:2])
