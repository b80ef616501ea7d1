"""Where a Docker engine is, and whether one answers there. Standard library only: it is asked before the choice."""

import contextlib
import http.client
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

PLACES = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock")
WAIT_S = 2.0


def address() -> str:
    """Return the address of the engine: DOCKER_HOST, else the first socket that is there, else the usual one."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return named
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own = (f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock") if runtime else ()
    return f"unix://{next((place for place in (*PLACES, *own) if Path(place).is_socket()), PLACES[0])}"


def answers(engine: str) -> bool:
    """Tell whether an engine answers there; it is asked once, for two seconds at most."""
    try:
        with contextlib.closing(_connection(engine)) as connection:
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException, ValueError):
        return False


def _connection(engine: str) -> http.client.HTTPConnection:
    parts = urlsplit(engine)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path)
    if parts.scheme in ("tcp", "http") and parts.hostname:
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=WAIT_S)
    raise ValueError(engine)


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=WAIT_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(self._path)
