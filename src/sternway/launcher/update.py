"""A move from one version to another, step by step, and the way back from each of them."""

import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sternway.launcher import files, store
from sternway.launcher.files import Files
from sternway.launcher.rack import Attended, Failed, Racks, Running
from sternway.launcher.state import Record, State, Step, Update

log = logging.getLogger(__name__)

TRIAL_S = 120.0
MIGRATION_S = 600.0
HEALTHY_S = 60.0
WATCH_S = 5.0
ANSWER_S = 10.0
"""How long a version that was healthy may take to say so once more."""
DEAF_STOP_S = 2.0
"""How long a version may take to end that has taken no request: clients wait meanwhile."""
BACK_STOP_S = 5.0
"""How long one may take on the way back that took requests: the one before has to serve again within ten seconds."""
ROOM_BYTES = 8 * 1024 * 1024
"""What the way back needs of the disk beside the size of the store: the launcher's record, the old version's start."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
KEPT_SNAPSHOTS = 5

PROBLEMS = (Failed, OSError, ValueError, LookupError, TypeError, store.Error)
"""Whatever may go wrong on the way there; each ends in the way back."""


@dataclass(slots=True)
class Mover:
    """Moves a rack. `cross` is called with each step once it is on disk, for tests that end the launcher there.

    `wait` waits, and raises what ends the launcher if it is asked to end; `is_asked_to_stop` tells.
    """

    files: Files
    racks: Racks
    record: Record
    watch_s: float = WATCH_S
    healthy_s: float = HEALTHY_S
    cross: Callable[[Step], None] = lambda _: None
    wait: Callable[[float], None] = time.sleep
    is_asked_to_stop: Callable[[], bool] = lambda: False

    def move(self, state: State, running: Running | None) -> tuple[State, Running | None]:
        """Take the update that is under way to its end; return the state and what runs then, if anything does.

        Nothing that fails on the way is lost: the version before serves again, and the outcome says why.
        """
        self.cross(_of(state).step)
        attended = Attended(self.racks, running, self.is_asked_to_stop)
        try:
            state = self._try(state, attended)
            state = self._step(state, Step.STOPPING)
            files.remove(self.files.accepting)
        except PROBLEMS as problem:
            return self._give_up(state, problem), attended.running
        started = None
        try:
            state = self._stop(state, attended.running)
            state = self._step(state, Step.STARTING)
            started = self.racks.start(_of(state).target)
            self.racks.wait_until_healthy(started, self.healthy_s)
            return self._watch(state, started), started
        except PROBLEMS as problem:
            return self._turn_back(state, problem, started or attended.running), None

    def recover(self, state: State, running: Running | None) -> tuple[State, Running | None]:
        """Go on where another launcher left off: back to the version before, unless nothing was touched yet."""
        update = _of(state)
        log.warning("an update was interrupted", extra={"step": update.step, "target": update.target})
        if self.record.is_told(state):
            return self._insist(lambda: self._end(state, is_done=True)), running
        interrupted = Failed(update.cause or f"interrupted while {update.step}")
        if update.step.is_harmless:
            return self._give_up(state, interrupted), running
        return self._turn_back(state, interrupted, running), None

    # --- the way there ---

    def _try(self, state: State, attended: Attended) -> State:
        """Let the target work on a copy of the store, where it can touch neither apps nor router."""
        update = _of(state)
        state = self._step(state, Step.TRYING)
        files.set_aside(self.files.room, ROOM_BYTES + self.files.store.stat().st_size)
        trial = self.files.trial
        shutil.rmtree(trial, ignore_errors=True)
        there = Files(trial)
        store.copy(self.files.store, there.store)
        there.key.parent.mkdir(parents=True, mode=0o700)
        shutil.copy2(self.files.key, there.key)
        with contextlib.suppress(FileNotFoundError):
            there.router_layout.parent.mkdir(mode=0o700)
            shutil.copy2(self.files.router_layout, there.router_layout)
        attended.look()
        self._downgrade(update, there, attended.look)
        self.racks.run(update.target, "--trial", "--data", str(trial), within_s=TRIAL_S, attend=attended.look)
        self._rehearse_return(update, there, attended.look)
        shutil.rmtree(trial, ignore_errors=True)
        return state

    def _stop(self, state: State, running: Running | None) -> State:
        """Stop the old version; what it has not answered waits at the router until the other one serves."""
        update = _of(state)
        if running:
            running.stop()
        store.copy(self.files.store, self._snapshot(update))
        state = self._step(state, Step.SAVED)
        self._downgrade(update, self.files)
        return state

    def _watch(self, state: State, started: Running) -> State:
        """See whether it stays up; then it is the active version, and the update is over."""
        update = _of(state)
        state = self._step(state, Step.WATCHING)
        if started.has_ended(self.watch_s):
            raise Failed(f"version {update.target} ended with {started.exit_code()} soon after its start")
        self.racks.wait_until_healthy(started, ANSWER_S)
        state = self._end(state, is_done=True)
        log.info("updated", extra={"version": state.active})
        return state

    def _downgrade(self, update: Update, there: Files, attend: Callable[[], None] = lambda: None) -> None:
        """Let the newer schema's own version take the store down to what the target knows."""
        wanted = self._schema(update.target)
        if self._schema(update.origin) > wanted:
            words = ["--downgrade-to", wanted, "--data", str(there.root)]
            if update.accept_export:
                words += ["--export", str(_exported(update, there))]
            self.racks.run(update.origin, *words, within_s=MIGRATION_S, attend=attend)

    def _rehearse_return(self, update: Update, there: Files, attend: Callable[[], None]) -> None:
        """See whether the target could take its newer schema down again, before anything depends on it."""
        wanted = self._schema(update.origin)
        if self._schema(update.target) > wanted:
            words = ("--downgrade-to", wanted, "--data", str(there.root), "--export", str(_taken_out(update, there)))
            self.racks.run(update.target, *words, within_s=MIGRATION_S, attend=attend)

    # --- the way back ---

    def _give_up(self, state: State, problem: BaseException) -> State:
        """End an update during which the old version was not touched."""
        shutil.rmtree(self.files.trial, ignore_errors=True)
        update = _of(state)
        log.error("not updated", extra={"target": update.target, "cause": _words(problem)})

        def end() -> State:
            return self._end(self.record.advance(state, update.step, _words(problem)), is_done=False)

        return self._insist(end)

    def _turn_back(self, state: State, problem: BaseException, there: Running | None) -> State:
        """Give the version before its store back, with everything that was acknowledged since; it can be started."""
        log.error("going back", extra={"target": _of(state).target, "cause": _words(problem)})

        def go_back() -> State:
            if there:
                there.stop(BACK_STOP_S if self.files.accepting.exists() else DEAF_STOP_S)
            return self._end(self._restored(state, _words(problem)), is_done=False)

        return self._insist(go_back)

    def _restored(self, state: State, cause: str) -> State:
        if _of(state).step is Step.RESTORED:
            return state
        state = self._step(state, Step.REVERTING, cause)
        note = self._restore(_of(state))
        return self._step(state, Step.RESTORED, f"{cause}; {note}" if note else cause)

    def _restore(self, update: Update) -> str:
        """Give the store back as the origin knows it, and return what a person has to know of it.

        The snapshot is put back only if the target has not taken a request since; else the target's own
        downgrade takes the store back, so that nothing acknowledged is lost.
        """
        snapshot = self._snapshot(update)
        if not self.files.accepting.exists():
            if snapshot.exists():  # else nothing was changed yet, or it was put back already
                store.restore(snapshot, self.files.store)
            _exported(update, self.files).unlink(missing_ok=True)
            return ""
        if not snapshot.exists():
            return ""
        wanted, back = self._schema(update.origin), _taken_out(update, self.files)
        if self._schema(update.target) > wanted:
            words = ("--downgrade-to", wanted, "--data", str(self.files.root), "--export", str(back))
            self.racks.run(update.target, *words, within_s=MIGRATION_S)
        left = [path for path in (_exported(update, self.files), back) if path.exists()]
        return "".join(f"rows that were taken out are in {path}" for path in left)

    # --- what both ways need ---

    def _insist(self, deed: Callable[[], State]) -> State:
        """Do what has to be done before any version can serve again, however often it fails.

        What fails may be a full disk; a launcher that ended for it would leave the rack down for good.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return deed()
            except PROBLEMS as problem:
                log.error("it did not work, and is tried again", extra={"cause": _words(problem)})
            if not self._makes_room():
                self.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _step(self, state: State, step: Step, cause: str = "") -> State:
        state = self.record.advance(state, step, cause)
        self.cross(step)
        return state

    def _end(self, state: State, *, is_done: bool) -> State:
        state = self.record.end(state, is_done=is_done, ended_at=_now())
        self._makes_room()
        self._forget_old_snapshots()
        return state

    def _makes_room(self) -> bool:
        """Give free what was set aside on the disk; tell whether there was anything."""
        try:
            self.files.room.unlink()
        except OSError:
            return False
        return True

    def _schema(self, version: str) -> str:
        return str(self.files.about(version)["schema"])

    def _snapshot(self, update: Update) -> Path:
        return self.files.snapshots / f"{update.id}.db"

    def _forget_old_snapshots(self) -> None:
        try:
            found = sorted(self.files.snapshots.glob("*.db"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in found[KEPT_SNAPSHOTS:]:
                path.unlink(missing_ok=True)
        except OSError as problem:
            log.warning("old snapshots are still there", extra={"problem": str(problem)})


def _exported(update: Update, there: Files) -> Path:
    """Return where rows go that the target cannot hold."""
    return there.exports / f"{update.id}.json"


def _taken_out(update: Update, there: Files) -> Path:
    """Return where rows go on the way back that the origin cannot hold."""
    return there.exports / f"{update.id}-back.json"


def _of(state: State) -> Update:
    if state.update is None:
        raise ValueError("no update is under way")
    return state.update


def _words(problem: BaseException) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__


def _now() -> str:
    # The old version may have gone back to a moment before this one; only the ledger's order counts.
    return datetime.now(UTC).isoformat()
