"""What a supervisor is asked to run, and the lines of JSON that it and its engine exchange.

Environment values arrive over a connection and stay in memory: no command line and no file has them.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from sternway.supervisor import confinement
from sternway.supervisor.confinement import Confinement

PROTOCOL = 3
"""2: sessions, and processes that run once. 3: processes that are frozen."""

MAX_BYTES = 8 * 1024 * 1024
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Order:
    """One process to keep running, or to run once. `notes` are lines that its log begins with."""

    id: str
    directory: str
    command: str
    working_directory: str
    environment: Mapping[str, str]
    grace_s: float
    notes: tuple[str, ...] = ()
    confinement: Confinement = field(default_factory=Confinement)
    is_once: bool = False


def encode(message: Mapping[str, object]) -> bytes:
    """Return the message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, object]:
    """Read one line; raises ValueError for anything that is not an object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message has to be an object")
    return message


def receive(engine: socket.socket) -> Order:
    """Wait for the order; raises ValueError for a wrong one and OSError if the engine went away."""
    engine.settimeout(TIMEOUT_S)
    received = bytearray()
    while not received.endswith(b"\n"):
        seen = engine.recv(65536, socket.MSG_PEEK)
        if not seen or len(received) > MAX_BYTES:
            raise OSError("no order came")
        # A command may be there already, and is left for who reads commands.
        received += engine.recv(seen.find(b"\n") + 1 or len(seen))
    return parse(bytes(received))


def parse(line: bytes) -> Order:
    """Read an order; raises ValueError if it is of a protocol that this supervisor does not speak."""
    message = json.loads(line)
    if not isinstance(message, dict) or message.get("protocol") != PROTOCOL:
        raise ValueError(f"this supervisor speaks protocol {PROTOCOL}")
    return Order(
        id=str(message["id"]),
        directory=str(message["directory"]),
        command=str(message["command"]),
        working_directory=str(message["working_directory"]),
        environment={str(key): str(value) for key, value in message["environment"].items()},
        grace_s=float(message["grace_s"]),
        notes=tuple(str(note) for note in message.get("notes", ())),
        confinement=confinement.parse(message.get("confinement", {})),
        is_once=bool(message.get("is_once", False)),
    )
