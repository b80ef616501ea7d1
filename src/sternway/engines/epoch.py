"""The highest epoch that this engine's files have seen, so that a stale writer cannot act, whoever it is."""

import fcntl
from pathlib import Path

from sternway import files
from sternway.core.errors import EngineUnavailable, StaleEpoch


class EpochFile:
    """A number in a file. Racks that share the files by mistake read and raise it under a lock."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "epoch"
        self._lock = directory / "epoch.lock"

    @property
    def newest(self) -> int:
        """Return the highest epoch that was here; 0 if none was. Raises EngineUnavailable for a damaged file."""
        return self._read()

    def admit(self, epoch: int) -> None:
        """Remember the epoch; raises StaleEpoch if a higher one was here."""
        try:
            with self._lock.open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._raise_to(epoch)
        except OSError as exc:
            raise EngineUnavailable(f"the engine's files cannot be used: {exc}") from exc

    def _raise_to(self, epoch: int) -> None:
        highest = self._read()
        if epoch < highest:
            raise StaleEpoch(f"epoch {epoch} is older than {highest}", hint="another rack took over")
        if epoch > highest:
            files.replace(self._path, str(epoch).encode(), is_durable=True)

    def _read(self) -> int:
        try:
            return int(self._path.read_bytes())
        except FileNotFoundError:
            return 0
        except ValueError as exc:
            raise EngineUnavailable(f"{self._path} is damaged", hint="write the number of the newest lease") from exc
