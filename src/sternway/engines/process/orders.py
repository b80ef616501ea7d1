"""What a supervisor is told to run: the order for one process, and everything on disk that it needs to be there."""

from pathlib import Path

from sternway.core.errors import ArtifactGone
from sternway.core.formation import Formation
from sternway.engines.process import artifacts, environment, snapshot
from sternway.engines.process.confinement import Confiner
from sternway.engines.process.isolation import Isolation
from sternway.engines.process.slots import Slot, Slots
from sternway.engines.process.users import Users
from sternway.engines.process.volumes import Volumes
from sternway.supervisor.order import PROTOCOL

NO_COMMAND = "echo 'the service has no command: add `command:` to the manifest' >&2; exit 127"


class Orders:
    """Writes orders for the processes of one engine. `data` is its directory, in that of the rack."""

    def __init__(self, data: Path, slots: Slots, users: Users) -> None:
        self._data = data
        self._slots = slots
        self._users = users
        self._volumes = Volumes(data, data.parent)

    def order(self, slot: Slot, formation: Formation, isolation: Isolation) -> dict[str, object]:
        """Make the directories of a process, and return its order; raises OSError and EngineUnavailable."""
        directory = self._slots.create(slot)
        located = self._located(formation.artifact)
        confiner = Confiner(self._data.parent, isolation, self._users, self._volumes)
        confined = confiner.confine(formation, directory, located)
        return {
            "protocol": PROTOCOL,
            "id": slot.id,
            "directory": str(directory),
            "command": formation.command or NO_COMMAND,
            "working_directory": str(located.directory),
            "environment": environment.of_process(
                formation, port=slot.port, directory=directory, located=located, defaults=confined.variables
            ),
            "grace_s": formation.grace_s,
            "is_once": slot.is_once,
            "notes": confined.notes,
            "confinement": confined.confinement,
        }

    def recall(self, app: str, owner: int) -> bool:
        """Bring the volumes of an app back; raises OSError and Conflict."""
        return self._volumes.recall(app, owner)

    def forget(self, app: str, owner: int = 0) -> None:
        """Drop what was made for an app of which nothing runs; raises OSError and EngineUnavailable."""
        self._volumes.leave(app, owner)
        self._slots.drop(app)
        self._users.forget(app)

    def _located(self, reference: str) -> artifacts.Located:
        """Return what the process needs; for what is no artifact at all, a place that cannot be entered."""
        try:
            return artifacts.locate(self._data, reference)
        except ArtifactGone:
            missing = self._data / snapshot.DIRECTORY / "missing"
            return artifacts.Located(missing, missing)
