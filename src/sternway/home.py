"""The directory that a rack keeps everything in: what lies where, and who holds it."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from sternway import files
from sternway.core.errors import InvalidInput, Refused

PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under the data directory of one rack."""

    root: Path

    @property
    def store(self) -> Path:
        """The database."""
        return self.root / "store" / "rack.db"

    @property
    def key(self) -> Path:
        """The key of the rack, outside the database."""
        return self.root / "keys" / "rack.key"

    @property
    def objects(self) -> Path:
        """Uploaded archives and logs of builds."""
        return self.root / "objects"

    @property
    def engine(self) -> Path:
        """What the process engine keeps."""
        return self.root / "engine"

    @property
    def docker(self) -> Path:
        """What the Docker engine's adapter keeps on this side."""
        return self.root / "docker"

    @property
    def engine_kind(self) -> Path:
        """Which engine this rack has."""
        return self.root / "engine-kind"

    @property
    def router(self) -> Path:
        """What the router keeps."""
        return self.root / "router"

    @property
    def rack_url(self) -> Path:
        """The RACK_URL, with the password; mode 0600."""
        return self.root / "rack-url"

    @property
    def router_address(self) -> Path:
        """HOST:PORT where apps answer."""
        return self.root / "router-address"

    @property
    def api_address(self) -> Path:
        """HOST:PORT where the API answers, for a rack that a launcher moves between versions."""
        return self.root / "api-address"

    @property
    def program(self) -> Path:
        """The path of the `sternwayd` that ran last, for whoever takes down what it left."""
        return self.root / "program"

    @property
    def process(self) -> Path:
        """Which process is the rack: `pid`, `started_at_ticks` as in /proc, and its `version`."""
        return self.root / "rackd.json"

    def check_key(self) -> None:
        """Raise Refused if there is a database and its key is gone: a new key could not open what it sealed."""
        if self.store.exists() and not self.key.exists():
            raise Refused(
                f"the key of the rack is missing: {self.key}",
                hint="put it back from a backup; without it no environment in the database can be read",
            )

    def password(self) -> tuple[str, bool]:
        """Return the rack's password, and whether it is new and has to be shown; raises Refused for a damaged file.

        Only a file that is not there gives a new password: clients have the old one.
        """
        try:
            known = urlsplit(self.rack_url.read_text().strip()).password
        except FileNotFoundError:
            return secrets.token_urlsafe(PASSWORD_BYTES), True
        except ValueError:
            known = None
        if not known:
            raise Refused(f"{self.rack_url} holds no password", hint="put it back, or remove it for a new password")
        return known, False

    @contextmanager
    def held(self, version: str = "") -> Iterator[None]:
        """Hold the directory for this process; raises Refused while another rack holds it."""
        with self._lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise Refused(
                    f"a rack already runs on {self.root}", hint=f"stop it: sternway rack stop --data {self.root}"
                ) from exc
            files.replace(self.process, json.dumps(_this_process(version)).encode(), is_durable=True)
            try:
                yield
            finally:
                self.process.unlink(missing_ok=True)

    def _lock(self) -> TextIO:
        try:
            for directory in (self.root, self.store.parent):
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return (self.root / "lock").open("w")
        except OSError as exc:
            raise InvalidInput(
                f"--data: cannot use {self.root}: {exc.strerror}", hint="name a directory that this user may write"
            ) from exc


def _this_process(version: str) -> dict[str, object]:
    return {"pid": os.getpid(), "started_at_ticks": _started_at_ticks(), "version": version}


def _started_at_ticks() -> int:
    """Return field 22 of /proc/self/stat: clock ticks from boot to the start of this process."""
    stat = Path("/proc/self/stat").read_text()
    return int(stat.rpartition(")")[2].split()[19])
