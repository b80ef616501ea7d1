"""The files by which launcher and rack know of each other, in the data directory of the rack."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROTOCOL = 1


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything lies. `root` is the data directory."""

    root: Path

    @property
    def versions(self) -> Path:
        """Installed versions: `VERSION/` with `bin/sternwayd` and `about.json`."""
        return self.root / "versions"

    @property
    def state(self) -> Path:
        """The launcher's own: which version is active, and which update is under way."""
        return self._own / "state.json"

    @property
    def state_copy(self) -> Path:
        """The same again, for when a disk gives the other one back damaged."""
        return self._own / "state-copy.json"

    @property
    def started(self) -> Path:
        """Which process was started last, as `process`; it writes this itself before it becomes a rack."""
        return self._own / "started.json"

    @property
    def order(self) -> Path:
        """An update that the rack asks for; the launcher takes it away once it has it on its own record."""
        return self._own / "order.json"

    @property
    def damaged_order(self) -> Path:
        """An order that could not be read."""
        return self._own / "order.damaged"

    @property
    def outcomes(self) -> Path:
        """How updates ended, a file each, until the rack has them on its record."""
        return self._own / "outcomes"

    @property
    def api_socket(self) -> Path:
        """Where the version that takes requests answers them; the router, which holds the clients, dials it."""
        return self.root / "api.sock"

    @property
    def accepting(self) -> Path:
        """Written by a version just before it takes its first request: from then on its writes count."""
        return self._own / "accepting"

    @property
    def trial(self) -> Path:
        """A data directory for the trial of a version: a copy of the store, and nothing that runs."""
        return self._own / "trial"

    @property
    def room(self) -> Path:
        """Room on the disk that is set aside for the way back while an update is under way."""
        return self._own / "room"

    @property
    def snapshots(self) -> Path:
        """The store as it was before each update."""
        return self.root / "snapshots"

    @property
    def exports(self) -> Path:
        """Rows that an older version cannot hold, as they were taken out."""
        return self.root / "exports"

    @property
    def store(self) -> Path:
        """The rack's database."""
        return self.root / "store" / "rack.db"

    @property
    def key(self) -> Path:
        """The rack's key."""
        return self.root / "keys" / "rack.key"

    @property
    def router_layout(self) -> Path:
        """What a version has to know to go on from the router of the one before."""
        return self.root / "router" / "layout.json"

    @property
    def process(self) -> Path:
        """Which process is the rack: `pid`, `started_at_ticks`, and `version`."""
        return self.root / "rackd.json"

    @property
    def _own(self) -> Path:
        return self.root / "launcher"

    def program(self, version: str) -> Path:
        """Return the rack's program in a version."""
        return self.versions / version / "bin" / "sternwayd"

    def about(self, version: str) -> Mapping[str, Any]:
        """Return what a version tells of itself; raises OSError and ValueError."""
        found: Mapping[str, Any] = json.loads((self.versions / version / "about.json").read_bytes())
        return found


def read(path: Path) -> dict[str, Any] | None:
    """Return what a file holds; None if it is not there. Raises ValueError for one that is damaged."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found
    except FileNotFoundError:
        return None


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file durably: it is on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Take a file away durably, if it is there."""
    path.unlink(missing_ok=True)
    if path.parent.exists():
        sync(path.parent)


def set_aside(path: Path, size_bytes: int) -> None:
    """Take room on the disk until the file is removed; raises OSError, and takes none, where there is not as much."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError:
            path.unlink()
            raise


def sync(directory: Path) -> None:
    """Make the names in a directory durable."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
