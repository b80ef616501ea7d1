"""Whether what runs is what a rack lists, as somebody else sees it: the kernel, or the Docker engine."""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from scripts.faults import census, containers
from scripts.faults.containers import Engine


class Witness(Protocol):
    """Tells what runs without asking the rack."""

    def contradiction(self, listed: Collection[str]) -> str:
        """Say what runs that is not listed, or the other way round, given the ids that the rack lists; or nothing."""
        ...


class Kernel:
    """For processes: every one of the app has a supervisor, and exactly one supervisor waits for the next."""

    def __init__(self, data: Path, mark: str) -> None:
        self._data = data
        self._mark = mark

    def contradiction(self, listed: Collection[str]) -> str:
        """Compare with `/proc`."""
        found = census.take(self._data, self._mark)
        if set(found.supervisors.values()) != set(listed):
            return f"supervisors that the rack does not know, or the other way round: {found.supervisors}"
        if found.orphans() or len(found.waiting) != 1:
            return f"orphans {found.orphans()}, waiting supervisors {sorted(found.waiting)}"
        return ""


class Docker:
    """For containers: those that are not over are exactly those that the rack lists."""

    def __init__(self, data: Path, engine: Engine) -> None:
        self._data = data
        self._engine = engine

    def contradiction(self, listed: Collection[str]) -> str:
        """Compare with what the engine lists."""
        found = self._engine.containers(containers.rack_id(self._data))
        there = {container.id: container.state for container in found if not container.is_over}
        if there.keys() != set(listed):
            return f"containers that the rack does not know, or the other way round: {there}"
        return ""
