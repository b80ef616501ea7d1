"""What runs, as far as the rack knows: formations with their processes, and who wants to hear of changes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sternway.core.formation import FormationKey, FormationState, ProcessState
from sternway.engines.docker.containers.process import Process


@dataclass(slots=True)
class Present:
    """The processes of a formation; it is there until the last is gone after a retirement of all."""

    release_id: str
    processes: list[Process] = field(default_factory=list)
    is_retired: bool = False

    def is_filled(self, slot: int) -> bool:
        """Tell whether a process is there, or on its way, for this slot."""
        return any(p.berth.slot == slot and not p.is_stopping for p in self.processes)


class Picture:
    """Kept in step with the engine by its events; whoever reads it has to know whether it is."""

    def __init__(self) -> None:
        self._formations: dict[FormationKey, Present] = {}
        self._by_container: dict[str, Process] = {}
        self._listeners: list[Callable[[str], None]] = []

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called whenever something of the app changes."""
        self._listeners.append(listener)

    def notify(self, app: str) -> None:
        """Tell the listeners."""
        for listener in self._listeners:
            listener(app)

    def formation(self, key: FormationKey, release_id: str) -> Present:
        """Return a formation; it is there from now on."""
        return self._formations.setdefault(key, Present(release_id))

    def find(self, key: FormationKey) -> Present | None:
        """Return a formation if it is there."""
        return self._formations.get(key)

    def apps(self) -> set[str]:
        """Return the apps of which something is there."""
        return {key.app for key in self._formations}

    def processes(self) -> Iterator[Process]:
        """Yield every process."""
        for present in self._formations.values():
            yield from present.processes

    def of_container(self, container_id: str) -> Process | None:
        """Return the process that a container is."""
        return self._by_container.get(container_id)

    def container_ids(self) -> set[str]:
        """Return the containers of all processes."""
        return set(self._by_container)

    def add(self, process: Process) -> None:
        """Add a process to its formation."""
        self.formation(process.berth.key, process.berth.release_id).processes.append(process)
        self.settle(process)
        self.notify(process.berth.key.app)

    def settle(self, process: Process) -> None:
        """Take note of the container of a process."""
        if process.container_id:
            self._by_container[process.container_id] = process

    def remove(self, process: Process) -> None:
        """Take a process out, and its formation if that was the last of one that is retired."""
        self._by_container.pop(process.container_id, None)
        present = self.find(process.berth.key)
        if present and process in present.processes:
            present.processes.remove(process)
        self.forget_if_over(process.berth.key)

    def forget_if_over(self, key: FormationKey) -> None:
        """Forget a formation that is retired and of which nothing is left."""
        present = self.find(key)
        if present and present.is_retired and not present.processes:
            del self._formations[key]
        self.notify(key.app)

    def change(self, process: Process, change: Callable[[], object]) -> None:
        """Change a process, and tell the listeners if it shows."""
        before = process.state()
        change()
        if process.state() != before:
            self.notify(process.berth.key.app)

    def of_app(self, app: str) -> tuple[FormationState, ...]:
        """Return every formation of an app, sorted by key."""
        return tuple(
            FormationState(key, present.release_id, _states(present))
            for key, present in sorted(self._formations.items())
            if key.app == app
        )

    def clear(self) -> None:
        """Know of nothing any more."""
        self._formations.clear()
        self._by_container.clear()


def _states(present: Present) -> tuple[ProcessState, ...]:
    states = (process.state() for process in present.processes)
    return tuple(sorted(states, key=lambda state: (state.slot, state.started_at)))
