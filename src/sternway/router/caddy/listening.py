"""The sockets that fronts listen on: opened here, passed on to Caddy, shared by address among fronts.

Several fronts may listen on an address at a time (SO_REUSEPORT), so that one can take over from another. Where the
kernel can be told so, all new connections then come to the newest: the one before has none that it has not
accepted when it is stopped at last, and so none is reset.

The kernel keeps the sockets of an address in an array and is told a place in it. A new one is put last; when one is
closed, the last takes its place. So the places are followed here as fronts come and go, by the one who started the
newest. A place past the end leaves the choice to chance.
"""

import contextlib
import ctypes
import socket
import struct
from collections.abc import Mapping, Sequence

from sternway.core.errors import RouterUnavailable

BACKLOG = 4096
_ATTACH_REUSEPORT_CBPF = 51
"""SO_ATTACH_REUSEPORT_CBPF of Linux, which Python has no name for."""
_RETURN_CONSTANT = 0x06
"""BPF_RET | BPF_K: a program of one instruction that always returns the same number."""


class Listeners:
    """The sockets of a front, held open so that they outlive it, and the fronts that share their addresses."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._sockets: dict[str, socket.socket] = {}
        self._name = ""
        self._places: list[str] = []

    def opened(self, name: str, others: Sequence[str]) -> Mapping[str, socket.socket]:
        """Return the front's sockets, opened after those of the others. Raises RouterUnavailable."""
        if not self._sockets:
            if not others:
                self._check_that_nobody_listens()
            self._name, self._places = name, [*others, name]
            with contextlib.ExitStack() as stack:
                self._sockets = {key: stack.enter_context(opened(at)) for key, at in self._addresses.items()}
                stack.pop_all()
            self._steer()
        return self._sockets

    def gone(self, name: str) -> None:
        """Follow that a front has closed its sockets."""
        if self._sockets and name in self._places:
            *rest, last = self._places
            self._places = [last if place == name else place for place in rest]
            self._steer()

    def close(self) -> None:
        """Hold the sockets no more; a front that has them goes on listening."""
        for held in self._sockets.values():
            held.close()
        self._sockets = {}

    def _check_that_nobody_listens(self) -> None:
        """Another router of the same user would share its address, and lose its clients to this one."""
        for address in self._addresses.values():
            opened(address, is_shared=False).close()

    def _steer(self) -> None:
        for held in self._sockets.values():
            steer(held, self._places.index(self._name))


def opened(address: str, *, is_shared: bool = True) -> socket.socket:
    """Listen on `HOST:PORT`, beside others that share it or alone. Raises RouterUnavailable."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, number, _, where = _resolved(host.strip("[]"), int(port))
        listener = socket.socket(family, kind, number)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(is_shared))
            listener.bind(where)
            if is_shared:
                listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, ValueError) as exc:
        hint = "is the address in use already?"
        raise RouterUnavailable(f"the router cannot listen on {address}: {_reason(exc)}", hint=hint) from exc
    return listener


def _resolved(host: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    """Return the first address of the host, one of IPv4 if it has any."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return min(found, key=lambda entry: entry[0] != socket.AF_INET)


def steer(listener: socket.socket, place: int) -> None:
    """Have all new connections to the address of this socket come to the one at this place, if the kernel can."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN_CONSTANT, 0, 0, place))
    with contextlib.suppress(OSError):
        described = struct.pack("@HP", 1, ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, described)


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)
