"""The sockets that fronts listen on: opened here, passed on to Caddy, shared by address among fronts.

Several fronts may listen on an address at a time (SO_REUSEPORT), so that one can take over from another. Where the
kernel can be told so, all new connections then come to the newest: the one before has none that it has not
accepted when it is stopped at last, and so none is reset. See `steering`.

Python opens sockets such that no child inherits them, and only the front is passed them. A copy of one that outlives
its front would take connections that nobody answers.
"""

import contextlib
import logging
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sternway.core.errors import RouterUnavailable
from sternway.router.caddy import steering

log = logging.getLogger(__name__)

BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another front that runs."""

    pid: int
    addresses: Collection[str]


class Listeners:
    """The sockets of a front, held open so that they outlive it. `addresses` say what they are called."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._sockets: dict[str, socket.socket] = {}

    def opened(self, others: Sequence[Neighbour]) -> Mapping[str, socket.socket]:
        """Return the sockets. `others` are those that run, oldest first.

        New connections go on coming to the newest of the others, until they are led: whoever is to accept them here
        may fail to start. Raises RouterUnavailable.
        """
        if not self._sockets:
            with contextlib.ExitStack() as stack:
                self._sockets = {key: self._beside(others, at, stack) for key, at in self._addresses.items()}
                stack.pop_all()
        return self._sockets

    def adopt(self, pid: int) -> None:
        """Hold those of a front that another rack started, if that is allowed and they are all there."""
        if self._sockets:
            return
        with contextlib.ExitStack() as stack:
            try:
                copied = [stack.enter_context(copy) for copy in steering.copies(pid)]
            except OSError as exc:
                log.warning("New connections cannot be steered", extra={"reason": str(exc)})
                return
            found = {key: copy for key, at in self._addresses.items() for copy in copied if _is_at(copy, at)}
            if found.keys() == self._addresses.keys():
                self._sockets = {key: copy.dup() for key, copy in found.items()}

    def lead(self, pid: int, others: Collection[int]) -> bool:
        """Have all new connections come to this front, which has the sockets; tell whether that is done.

        It is too where it cannot be done. `others` may accept them meanwhile.
        """
        return all([steering.lead(held, pid, others) for held in list(self._sockets.values())])

    def close(self) -> None:
        """Hold the sockets no more; a front that has them goes on listening."""
        for held in self._sockets.values():
            held.close()
        self._sockets = {}

    def _beside(self, others: Sequence[Neighbour], address: str, stack: contextlib.ExitStack) -> socket.socket:
        if not any(_port(address) == _port(at) for other in others for at in other.addresses):
            # Another router of the same user would share its address, and lose its clients to this one.
            opened(address, is_shared=False).close()
        listener = stack.enter_context(opened(address))
        if pids := [other.pid for other in others if any(is_same(address, at) for at in other.addresses)]:
            steering.lead(listener, pids[-1], pids, is_ready=False)
        return listener


def _is_at(listener: socket.socket, address: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        family, _, _, _, where = _resolved(address)
        return listener.family == family and listener.getsockname()[:2] == where[:2]
    return False


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


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)
