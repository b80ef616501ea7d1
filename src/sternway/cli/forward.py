"""Ports of this machine that lead into the rack: a connection to the rack for each that is accepted here."""

import contextlib
import socket
import threading
from dataclasses import dataclass

from sternway.cli import client, errors, stream
from sternway.wire import routes

HERE = "127.0.0.1"
"""Nobody else can reach them."""
BACKLOG = 64
BLOCK_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connection goes, as the apps of the rack name it."""

    host: str
    port: int


def listen(port: int) -> socket.socket:
    """Take a port of the loopback interface; raises if it is taken."""
    try:
        return socket.create_server((HERE, port), backlog=BACKLOG)
    except OSError as exc:
        hint = f"choose another one: sternway proxy {port + 1}:HOST:PORT"
        raise errors.CommandFailed(f"cannot listen on {HERE}:{port}: {exc.strerror}", hint=hint) from exc


def serve(listener: socket.socket, rack: client.Rack, to: Destination) -> None:
    """Carry each connection that comes, in threads of their own, until the program ends."""
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=_carry, args=(accepted, rack, to), daemon=True).start()


def _carry(accepted: socket.socket, rack: client.Rack, to: Destination) -> None:
    from sternway.cli.main import report

    with contextlib.closing(accepted):
        try:
            with stream.converse(rack, routes.proxy(to.host, to.port), {}) as conversation:
                threading.Thread(target=_send, args=(accepted, conversation), daemon=True).start()
                for frame in conversation.frames():
                    accepted.sendall(frame)
        except errors.CommandFailed as exc:
            report(exc)
        except OSError:
            # Whoever had connected has gone.
            return


def _send(accepted: socket.socket, conversation: stream.Conversation) -> None:
    try:
        while content := accepted.recv(BLOCK_BYTES):
            conversation.send(content)
    except OSError:
        return
    conversation.end_input()
