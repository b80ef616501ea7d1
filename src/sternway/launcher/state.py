"""Where an update is: the steps, and what each of them means for whoever finds it half done."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sternway.launcher import files
from sternway.launcher.files import Files


class Step(StrEnum):
    """What is being done. A step is on disk before its first deed.

    Until STOPPING nothing that serves was touched. From SAVED on there is a snapshot to go back to. In RESTORED
    the store is the old version's again, and only its start is missing.
    """

    ORDERED = "ordered"
    TRYING = "trying"
    STOPPING = "stopping"
    SAVED = "saved"
    STARTING = "starting"
    WATCHING = "watching"
    REVERTING = "reverting"
    RESTORED = "restored"

    @property
    def is_harmless(self) -> bool:
        """Tell whether the old version was left alone so far."""
        return self in (Step.ORDERED, Step.TRYING)


@dataclass(frozen=True, slots=True)
class Update:
    """A move from one version to another. `accept_export`: rows that the other cannot hold may be taken out."""

    id: str
    origin: str
    target: str
    by: str = ""
    reason: str = ""
    at: str = ""
    accept_export: bool = False
    step: Step = Step.ORDERED
    cause: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The version that is active, and the update that is under way."""

    active: str
    update: Update | None = None


class Record:
    """The state on disk."""

    def __init__(self, of: Files) -> None:
        self._files = of

    def load(self) -> State:
        """Return the state; raises ValueError where there is none that can be read."""
        found = files.read(self._files.state)
        if found is None or found.get("protocol") != files.PROTOCOL:
            raise ValueError(f"{self._files.state} is missing or damaged")
        return State(found["active"], _update(found["update"]))

    def save(self, state: State) -> State:
        """Put a state on disk, and return it."""
        update = asdict(state.update) if state.update else None
        files.write(self._files.state, {"protocol": files.PROTOCOL, "active": state.active, "update": update})
        return state

    def advance(self, state: State, step: Step, cause: str = "") -> State:
        """Put the next step of the update on disk, and return the state."""
        update = _required(state)
        return self.save(replace(state, update=replace(update, step=step, cause=cause or update.cause)))

    def take_order(self, state: State) -> State:
        """Return the state with the update that was asked for, if one was and none is under way.

        The order goes once the state is on disk; found again after a crash, it is known by its id.
        """
        order = files.read(self._files.order)
        if order is None or state.update:
            return state
        fields = ("id", "target", "by", "reason", "at", "accept_export")
        update = Update(origin=state.active, **{name: order[name] for name in fields})
        if not (self._files.outcomes / f"{update.id}.json").exists():
            state = self.save(replace(state, update=update))
        files.remove(self._files.order)
        return state

    def end(self, state: State, *, is_done: bool, ended_at: str) -> State:
        """Put on disk how the update ended, for the rack to record, and then that none is under way."""
        update = _required(state)
        told = asdict(update) | {"result": "completed" if is_done else "reverted", "ended_at": ended_at}
        files.write(self._files.outcomes / f"{update.id}.json", told)
        return self.save(State(update.target if is_done else update.origin))


def _update(found: dict[str, Any] | None) -> Update | None:
    return Update(**(found | {"step": Step(found["step"])})) if found else None


def _required(state: State) -> Update:
    if state.update is None:
        raise ValueError("no update is under way")
    return state.update
