"""What an engine has of a rack, as the engine itself lists it; the rack is not asked.

Everything that a rack makes bears its id, which follows from its key.
"""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sternway.engines.docker import labels
from sternway.home import Home
from sternway.secrets import KeyFile

TIMEOUT_S = 30.0
SHORT_ID = 12
OVER = ("exited", "dead")
ATTEMPTS = 40
LEFT_OVER = "failed to remove root filesystem"
"""What an engine says that was killed before: the container is dead, and its files go with the engine's own."""


class _Connection(http.client.HTTPConnection):
    """A connection to a socket with a path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


@dataclass(frozen=True, slots=True)
class Container:
    """One of a rack's containers. `id` is as the rack shows it; `state` is the engine's word."""

    id: str
    state: str
    kind: str
    app: str
    service: str
    release: str

    @property
    def is_over(self) -> bool:
        """Tell whether it ended and stays only for what it printed."""
        return self.state in OVER


class Engine:
    """The Docker engine at an address, `unix://…`."""

    def __init__(self, address: str) -> None:
        self.address = address

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return what the engine answers; raises RuntimeError for anything but success."""
        said = self._send(method, path, None if body is None else json.dumps(body))
        return json.loads(said) if said.startswith((b"[", b"{")) else None

    def _text(self, path: str) -> str:
        return self._send("GET", path).decode()

    def _send(self, method: str, path: str, content: str | None = None) -> bytes:
        with closing(_Connection(self.address.removeprefix("unix://"))) as connection:
            connection.request(method, path, body=content, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {said[:500]!r}")
        return said

    def containers(self, rack: str) -> list[Container]:
        """Return every container of a rack, also those that are over."""
        found = self.call("GET", f"/containers/json?all=1&filters={_of(rack)}")
        return [_container(each) for each in found]

    def networks(self, rack: str) -> list[str]:
        """Return the names of a rack's networks."""
        return [each["Name"] for each in self.call("GET", f"/networks?filters={_of(rack)}")]

    def volumes(self, rack: str) -> list[str]:
        """Return the names of a rack's volumes."""
        return [each["Name"] for each in self.call("GET", f"/volumes?filters={_of(rack)}")["Volumes"] or ()]

    def tags(self, rack: str) -> dict[str, str]:
        """Return the ids of a rack's images by tag."""
        wanted = quote(json.dumps({"reference": [f"sternway-{rack}/*"]}))
        found = self.call("GET", f"/images/json?filters={wanted}")
        return {tag: each["Id"] for each in found for tag in each["RepoTags"] or ()}

    def deaths(self, rack: str, app: str, since: int) -> int:
        """Return how often containers of an app have ended since a moment, in whole seconds of the clock."""
        wanted = quote(labels.encoded({**labels.selecting(rack, app=app), "event": ["die"]}))
        until = int(time.time()) + 1
        return len(self._text(f"/events?since={since}&until={until}&filters={wanted}").splitlines())

    def clear(self, rack: str) -> None:
        """Remove whatever there is of a rack."""
        for container in self.containers(rack):
            self._remove(f"/containers/{container.id}?force=1&v=1")
        for network in self.networks(rack):
            for end in self.call("GET", f"/networks/{network}")["Containers"] or {}:
                self._send("POST", f"/networks/{network}/disconnect", json.dumps({"Container": end, "Force": True}))
            self._remove(f"/networks/{network}")
        for volume in self.volumes(rack):
            self.call("DELETE", f"/volumes/{volume}?force=1")
        for tag in self.tags(rack):
            self.call("DELETE", f"/images/{tag}")

    def _remove(self, path: str) -> None:
        """Remove something; an engine may hold what belongs to a container for a moment after that was removed."""
        for attempt in range(ATTEMPTS):
            try:
                self.call("DELETE", path)
                return
            except RuntimeError as problem:
                if ": 404 " in str(problem) or LEFT_OVER in str(problem):
                    return
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.25)


def rack_id(data: Path) -> str:
    """Return the id of the rack over a data directory."""
    key = KeyFile(Home(data).key)
    return key.fingerprint(labels.RACK_CONTEXT)[: labels.RACK_LENGTH]


def _of(rack: str) -> str:
    return quote(labels.encoded(labels.selecting(rack)))


def _container(found: Mapping[str, Any]) -> Container:
    marks = found["Labels"]
    return Container(
        id=found["Id"][:SHORT_ID],
        state=found["State"],
        kind=marks[labels.KIND],
        app=marks[labels.APP],
        service=marks[labels.SERVICE],
        release=marks[labels.RELEASE],
    )
