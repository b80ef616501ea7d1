"""Where an update is: the steps, and what each of them means for whoever finds it half done."""

import logging
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sternway.launcher import files
from sternway.launcher.files import Files

log = logging.getLogger(__name__)

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What a damaged file may lead to."""


class Step(StrEnum):
    """What is being done. A step is on disk before its first deed.

    Until STOPPING nothing that serves was touched. From SAVED on there is a snapshot to go back to. In RESTORED
    the store is the old version's again: it remains to be told, and then that version is started as after any crash.
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
        """Return the state, from its copy if it is damaged; raises ValueError where neither can be read."""
        for path in (self._files.state, self._files.state_copy):
            try:
                return _state(files.read(path))
            except UNREADABLE as problem:
                log.error("cannot read the state", extra={"file": path.name, "problem": str(problem)})
        raise ValueError(f"{self._files.state} is missing or damaged, and so is its copy")

    def save(self, state: State) -> State:
        """Put a state on disk, and return it."""
        update = asdict(state.update) if state.update else None
        for path in (self._files.state, self._files.state_copy):
            files.write(path, {"protocol": files.PROTOCOL, "active": state.active, "update": update})
        return state

    def advance(self, state: State, step: Step, cause: str = "") -> State:
        """Put the next step of the update on disk, and return the state."""
        update = _required(state)
        return self.save(replace(state, update=replace(update, step=step, cause=cause or update.cause)))

    def take_order(self, state: State) -> State:
        """Return the state with the update that was asked for, if one was and none is under way.

        The order goes once the state is on disk; found again after a crash, it is known by its id.
        """
        if state.update:
            return state
        try:
            update = _ordered(files.read(self._files.order), state.active)
        except UNREADABLE as problem:
            log.error("an order cannot be read, and is put aside", extra={"problem": str(problem)})
            self._files.order.replace(self._files.damaged_order)
            return state
        if update is None:
            return state
        if not self._outcome(update).exists():
            state = self.save(replace(state, update=update))
        files.remove(self._files.order)
        return state

    def is_told(self, state: State) -> bool:
        """Tell whether it is on disk already that the update was completed: whoever wrote that could not go on."""
        update = _required(state)
        try:
            told = files.read(self._outcome(update))
        except UNREADABLE:
            return False
        return told is not None and told.get("result") == "completed"

    def end(self, state: State, *, is_done: bool, ended_at: str) -> State:
        """Put on disk how the update ended, for the rack to record, and then that none is under way."""
        update = _required(state)
        told = asdict(update) | {"result": "completed" if is_done else "reverted", "ended_at": ended_at}
        files.write(self._outcome(update), told)
        return self.save(State(update.target if is_done else update.origin))

    def _outcome(self, update: Update) -> Path:
        return self._files.outcomes / f"{update.id}.json"


def _state(found: dict[str, Any] | None) -> State:
    if found is None:
        raise ValueError("it is missing")
    if found.get("protocol") != files.PROTOCOL:
        raise ValueError(f"protocol {found.get('protocol')!r} is not {files.PROTOCOL}")
    return State(_text(found, "active"), _update(found["update"]))


def _update(found: dict[str, Any] | None) -> Update | None:
    if found is None:
        return None
    known = {each.name: found[each.name] for each in fields(Update) if each.name in found}
    return Update(**(known | {"step": Step(found["step"])}))


def _ordered(order: dict[str, Any] | None, origin: str) -> Update | None:
    if order is None:
        return None
    update = Update(
        id=_text(order, "id"),
        origin=origin,
        target=_text(order, "target"),
        by=_text(order, "by"),
        reason=_text(order, "reason"),
        at=_text(order, "at"),
        accept_export=bool(order["accept_export"]),
    )
    if not update.id or "/" in update.id or "/" in update.target:
        raise ValueError("it names no update")
    return update


def _text(found: dict[str, Any], name: str) -> str:
    text = found[name]
    if not isinstance(text, str):
        raise ValueError(f"{name} is no text")
    return text


def _required(state: State) -> Update:
    if state.update is None:
        raise ValueError("no update is under way")
    return state.update
