"""Who asks the supervisor: connections that send commands and are sent states, a line of JSON each."""

import os
import selectors
import socket
from collections.abc import Callable, Mapping

from sternway.supervisor import order

EXECUTE = "execute"
SOCKET = "control"
MAX_CLIENTS = 16
MAX_COMMAND_BYTES = 64 * 1024


class Control:
    """A listening socket in the working directory, since a path from the root may be too long to bind."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        obey: Callable[[str], None],
        execute: Callable[[socket.socket, Mapping[str, object]], None],
    ) -> None:
        self._selector = selector
        self._obey = obey
        self._execute = execute
        self._state = b""
        self._subscribers: set[socket.socket] = set()
        self._received: dict[socket.socket, bytes] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(SOCKET)
        self._listener.listen(MAX_CLIENTS)
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def publish(self, state: bytes) -> None:
        """Send a new state to all who subscribed; who does not read is cut off, never waited for."""
        self._state = state
        for client in tuple(self._subscribers):
            self._send(client)

    def add(self, client: socket.socket, *, is_subscribed: bool = False) -> None:
        """Serve one more connection."""
        client.setblocking(False)
        self._received[client] = b""
        self._selector.register(client, selectors.EVENT_READ, lambda: self._read(client))
        if is_subscribed:
            self._subscribers.add(client)

    def close(self) -> None:
        """Remove the socket; connections end with the program."""
        os.unlink(SOCKET)

    def _accept(self) -> None:
        try:
            client = self._listener.accept()[0]
        except OSError:
            return
        if len(self._received) >= MAX_CLIENTS:
            client.close()
            return
        self.add(client)

    def _read(self, client: socket.socket) -> None:
        try:
            chunk = client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        *lines, rest = (self._received[client] + chunk).split(b"\n")
        self._received[client] = rest
        if not chunk or len(rest) > MAX_COMMAND_BYTES:
            self._drop(client)
        for line in lines:
            self._command(client, line)

    def _command(self, client: socket.socket, line: bytes) -> None:
        if client not in self._received:
            return None
        try:
            message = order.decode(line)
        except ValueError:
            return self._drop(client)
        command = str(message.get("command"))
        if command == EXECUTE:
            return self._hand_over(client, message)
        if command == "subscribe":
            self._subscribers.add(client)
        if command in ("subscribe", "status"):
            return self._send(client)
        return self._obey(command)

    def _hand_over(self, client: socket.socket, message: Mapping[str, object]) -> None:
        """Leave a connection to the session that it asked for."""
        try:
            self._execute(client, message)
        finally:
            self._drop(client)

    def _send(self, client: socket.socket) -> None:
        try:
            if client in self._received and client.send(self._state) == len(self._state):
                return
        except OSError:
            pass
        self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self._subscribers.discard(client)
        if self._received.pop(client, None) is not None:
            self._selector.unregister(client)
            client.close()
