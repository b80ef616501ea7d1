"""What a restarted rack cannot learn from the engine: which runs were healthy, and how often processes exited.

A small file for each container. Losing them loses nothing that probes do not find out again.
"""

import contextlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from sternway import files

DIRECTORY = "containers"


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one container: the run that was last seen healthy, exits before the engine's count, and that count."""

    healthy_run: str = ""
    exits: int = 0
    restarts: int = 0


class Record:
    """The memories of all containers. A disk that is full or gone costs memories, and nothing else."""

    def __init__(self, data: Path) -> None:
        self._directory = data / DIRECTORY

    def open(self) -> None:
        """Make room for them."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def read(self, container_id: str) -> Memory:
        """Return what is remembered of a container."""
        try:
            return Memory(**json.loads((self._directory / container_id).read_bytes()))
        except (OSError, ValueError, TypeError):
            return Memory()

    def write(self, container_id: str, memory: Memory) -> None:
        """Remember this of a container."""
        with contextlib.suppress(OSError):
            files.replace(self._directory / container_id, json.dumps(asdict(memory)).encode())

    def forget(self, container_id: str) -> None:
        """Remember nothing of a container any more."""
        with contextlib.suppress(OSError):
            (self._directory / container_id).unlink(missing_ok=True)

    def keep(self, container_ids: Collection[str]) -> None:
        """Forget all containers but these. It blocks."""
        with contextlib.suppress(OSError):
            for path in self._directory.iterdir():
                if path.name not in container_ids:
                    path.unlink(missing_ok=True)
