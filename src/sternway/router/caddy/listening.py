"""The sockets that fronts listen on: opened here, passed on to Caddy, shared by address among fronts.

Several fronts may listen on an address at a time (SO_REUSEPORT), so that one can take over from another. Where the
kernel can be told so, all new connections then come to the newest: the one before has none that it has not
accepted when it is stopped at last, and so none is reset.

The kernel keeps the sockets of an address in an array and is told a place in it. A new one is put last; when one is
closed, the last takes its place. So the places are followed here as fronts come and go, by the one who started the
newest. A place past the end leaves the choice to chance.

Python opens sockets such that no child inherits them, and only the front is passed them. A copy of one that outlives
its front would take connections that nobody answers.
"""

import contextlib
import ctypes
import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sternway.core.errors import RouterUnavailable

BACKLOG = 4096
_ATTACH_REUSEPORT_CBPF = 51
"""SO_ATTACH_REUSEPORT_CBPF of Linux, which Python has no name for."""
_RETURN_CONSTANT = 0x06
"""BPF_RET | BPF_K: a program of one instruction that always returns the same number."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """A socket of a front, and the fronts that share its address, in the order in which the kernel has them."""

    listener: socket.socket
    places: tuple[str, ...]

    def lead_to(self, name: str) -> None:
        """Have all new connections come to this front."""
        steer(self.listener, self.places.index(name))

    def without(self, name: str) -> "_Shared":
        """Return it once a front has gone: the last one takes its place."""
        if name not in self.places:
            return self
        *rest, last = self.places
        return replace(self, places=tuple(last if place == name else place for place in rest))


class Listeners:
    """The sockets of the front `name`, held open so that they outlive it. `addresses` say what they are called."""

    def __init__(self, name: str, addresses: Mapping[str, str]) -> None:
        self._name = name
        self._addresses = addresses
        self._shared: dict[str, _Shared] = {}
        self._is_taken = False

    def opened(self, others: Mapping[str, Collection[str]]) -> Mapping[str, socket.socket]:
        """Return the sockets. `others` are the fronts that run, oldest first, each with its addresses.

        New connections go on coming to the newest of the others, until `take`: whoever is to accept them here may
        fail to start. Raises RouterUnavailable.
        """
        if not self._shared:
            with contextlib.ExitStack() as stack:
                self._shared = {key: self._beside(others, at, stack) for key, at in self._addresses.items()}
                stack.pop_all()
        return {key: shared.listener for key, shared in self._shared.items()}

    def take(self) -> None:
        """Have all new connections come here from now on."""
        self._is_taken = True
        for shared in self._shared.values():
            shared.lead_to(self._name)

    def gone(self, name: str) -> None:
        """Follow that a front has closed its sockets."""
        self._shared = {key: shared.without(name) for key, shared in self._shared.items()}
        if self._is_taken:
            self.take()

    def close(self) -> None:
        """Hold the sockets no more; a front that has them goes on listening."""
        for shared in self._shared.values():
            shared.listener.close()
        self._shared, self._is_taken = {}, False

    def _beside(self, others: Mapping[str, Collection[str]], address: str, stack: contextlib.ExitStack) -> _Shared:
        if not any(_port(address) == _port(other) for listened in others.values() for other in listened):
            # Another router of the same user would share its address, and lose its clients to this one.
            opened(address, is_shared=False).close()
        listener = stack.enter_context(opened(address))
        sharing = [name for name, listened in others.items() if any(is_same(address, other) for other in listened)]
        shared = _Shared(listener, (*sharing, self._name))
        shared.lead_to(sharing[-1] if sharing else self._name)
        return shared


def is_same(address: str, other: str) -> bool:
    """Tell whether two addresses are one, however they are written; what cannot be resolved is like itself only."""
    with contextlib.suppress(OSError, ValueError):
        return _resolved(address) == _resolved(other)
    return address == other


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def opened(address: str, *, is_shared: bool = True) -> socket.socket:
    """Listen on `HOST:PORT`, beside others that share it or alone. Raises RouterUnavailable."""
    try:
        family, kind, number, _, where = _resolved(address)
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


def _resolved(address: str) -> tuple[int, int, int, str, tuple[object, ...]]:
    """Return the first address of the host, one of IPv4 if it has any."""
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return min(found, key=lambda entry: entry[0] != socket.AF_INET)


def steer(listener: socket.socket, place: int) -> None:
    """Have all new connections to the address of this socket come to the one at this place, if the kernel can."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN_CONSTANT, 0, 0, place))
    with contextlib.suppress(OSError):
        described = struct.pack("@HP", 1, ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, described)


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)
