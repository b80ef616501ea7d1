"""The directories of processes, from which a restarted rack learns what runs.

`processes/APP/ID/` holds `slot.json` (what the engine decided), `state.json` and `control` (the supervisor's),
`log/`, and `ended` once it is over. Environment values are in none of them.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sternway import files
from sternway.core.formation import FormationKey, HealthCheck
from sternway.engines.process import environment

SLOT = "slot.json"
STATE = "state.json"
CONTROL = "control"
LOG = "log"
ENDED = "ended"
ENDED_KEPT = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """One process as the engine decided it. `healthy_run` names the run of it that was last seen healthy.

    One that is `is_once` runs once, and is of no formation: its key says whose content it has.
    """

    id: str
    key: FormationKey
    number: int
    release_id: str
    command: str
    health: HealthCheck
    grace_s: float
    created_at: datetime
    port: int | None = None
    healthy_run: str = ""
    is_once: bool = False

    @property
    def endpoint(self) -> str | None:
        """Where the process listens."""
        return None if self.port is None else f"127.0.0.1:{self.port}"


class Slots:
    """The directories of all processes, those that run and the last that ended."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def directory(self, slot: Slot) -> Path:
        """Return where the files of this process are."""
        return self._root / slot.key.app / slot.id

    def create(self, slot: Slot) -> Path:
        """Make the directory of a new process."""
        directory = self.directory(slot)
        directory.mkdir(parents=True, mode=0o700)
        for name in (environment.HOME, environment.TEMPORARY):
            (directory / name).mkdir(mode=0o700)
        self.write(slot)
        return directory

    def write(self, slot: Slot) -> None:
        """Record a slot, new or changed."""
        content = asdict(slot)
        if not slot.is_once:
            del content["is_once"]  # a rack of an earlier version passes over slots with what it does not know
        files.replace(self.directory(slot) / SLOT, json.dumps(content, default=datetime.isoformat).encode())

    def alive(self) -> list[Slot]:
        """Return the slots that are not known to have ended, oldest first."""
        found = (read(directory) for directory in self._root.glob("*/*") if not (directory / ENDED).exists())
        return sorted((slot for slot in found if slot), key=lambda slot: slot.created_at)

    def of_app(self, app: str) -> Iterator[tuple[Slot, Path]]:
        """Yield every process of the app whose files are kept, with its directory."""
        for directory in self._root.glob(f"{app}/*"):
            if slot := read(directory):
                yield slot, directory

    def end(self, slot: Slot) -> None:
        """Record that it is over, and drop the files of the ended processes of its kind that are too many."""
        directory = self.directory(slot)
        (directory / ENDED).touch()
        for name in (environment.HOME, environment.TEMPORARY):
            shutil.rmtree(directory / name, ignore_errors=True)
        ended = sorted(self._root.glob(f"{slot.key.app}/*/{ENDED}"), key=_modified_at, reverse=True)
        if len(ended) > ENDED_KEPT:
            ended = [mark for mark in ended if _is_once(mark.parent) == slot.is_once]
        for mark in ended[ENDED_KEPT:]:
            shutil.rmtree(mark.parent, ignore_errors=True)

    def drop(self, app: str) -> None:
        """Remove the files of all processes of an app; none of them may run."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._root / app)


def read(directory: Path) -> Slot | None:
    """Return the slot that a directory records; None if it was never recorded as a whole."""
    try:
        content = json.loads((directory / SLOT).read_bytes())
        return Slot(
            **content
            | {
                "key": FormationKey(**content["key"]),
                "health": HealthCheck(**content["health"]),
                "created_at": datetime.fromisoformat(content["created_at"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_once(directory: Path) -> bool:
    slot = read(directory)
    return slot is not None and slot.is_once


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
