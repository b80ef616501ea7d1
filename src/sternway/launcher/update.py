"""A move from one version to another, step by step, and the way back from each of them."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sternway.launcher import files, store
from sternway.launcher.files import Files
from sternway.launcher.rack import Failed, Racks, Running
from sternway.launcher.state import Record, State, Step, Update

log = logging.getLogger(__name__)

TRIAL_S = 120.0
MIGRATION_S = 600.0
HEALTHY_S = 60.0
WATCH_S = 5.0
KEPT_SNAPSHOTS = 5

PROBLEMS = (Failed, OSError, ValueError, store.Error)
"""Whatever may go wrong on the way there; each ends in the way back."""


@dataclass(slots=True)
class Mover:
    """Moves a rack. `cross` is called with each step once it is on disk, for tests that end the launcher there."""

    files: Files
    racks: Racks
    record: Record
    watch_s: float = WATCH_S
    healthy_s: float = HEALTHY_S
    cross: Callable[[Step], None] = lambda _: None

    def move(self, state: State, running: Running) -> tuple[State, Running]:
        """Take the update that is under way to its end; return the state and what runs then.

        Nothing that fails on the way is lost: the version before serves again, and the outcome says why.
        """
        try:
            state = self._try(state)
        except PROBLEMS as problem:
            return self._give_up(state, problem), running
        try:
            state = self._stop(state, running)
            state, started = self._start(state)
        except PROBLEMS as problem:
            return self._turn_back(state, problem, None)
        try:
            state = self._watch(state, started)
        except PROBLEMS as problem:
            return self._turn_back(state, problem, started)
        return state, started

    def recover(self, state: State, running: Running | None) -> tuple[State, Running]:
        """Go on where another launcher left off: back to the version before, unless nothing was touched yet."""
        update = _of(state)
        log.warning("an update was interrupted", extra={"step": update.step, "target": update.target})
        interrupted = Failed(update.cause or f"interrupted while {update.step}")
        if not update.step.is_harmless:
            return self._turn_back(state, interrupted, running)
        state = self._give_up(state, interrupted)
        return state, running or self.racks.start(state.active)

    # --- the way there ---

    def _try(self, state: State) -> State:
        """Let the target work on a copy of the store, where it can touch neither apps nor router."""
        update = _of(state)
        state = self._step(state, Step.TRYING)
        trial = self.files.trial
        shutil.rmtree(trial, ignore_errors=True)
        there = Files(trial)
        store.copy(self.files.store, there.store)
        there.key.parent.mkdir(parents=True, mode=0o700)
        shutil.copy2(self.files.key, there.key)
        self._downgrade(update, trial)
        self.racks.run(update.target, "--trial", "--data", str(trial), within_s=TRIAL_S)
        shutil.rmtree(trial, ignore_errors=True)
        return state

    def _stop(self, state: State, running: Running) -> State:
        """Stop the old version; what it has not answered waits at the router until the other one serves."""
        update = _of(state)
        state = self._step(state, Step.STOPPING)
        files.remove(self.files.accepting)
        running.stop()
        store.copy(self.files.store, self._snapshot(update))
        state = self._step(state, Step.SAVED)
        self._downgrade(update, self.files.root)
        return state

    def _start(self, state: State) -> tuple[State, Running]:
        state = self._step(state, Step.STARTING)
        started = self.racks.start(_of(state).target)
        try:
            self.racks.wait_until_healthy(started, self.healthy_s)
        except Failed:
            started.stop()
            raise
        return state, started

    def _watch(self, state: State, started: Running) -> State:
        """See whether it stays up; then it is the active version, and the update is over."""
        update = _of(state)
        state = self._step(state, Step.WATCHING)
        if started.has_ended(self.watch_s):
            raise Failed(f"version {update.target} ended with {started.exit_code()} soon after its start")
        if self.racks.ask() != update.target:
            raise Failed(f"version {update.target} stopped answering soon after its start")
        state = self.record.end(state, is_done=True, ended_at=_now())
        self._forget_old_snapshots()
        log.info("updated", extra={"version": state.active})
        return state

    def _downgrade(self, update: Update, root: Path) -> None:
        """Let the newer schema's own version take the store down to what the target knows."""
        wanted = str(self.files.about(update.target)["schema"])
        words = ["--downgrade-to", wanted, "--data", str(root)]
        if update.accept_export:
            words += ["--export", str(self.files.exports / f"{update.id}.json")]
        if str(self.files.about(update.origin)["schema"]) > wanted:
            self.racks.run(update.origin, *words, within_s=MIGRATION_S)

    # --- the way back ---

    def _give_up(self, state: State, problem: BaseException) -> State:
        """End an update during which the old version was not touched."""
        shutil.rmtree(self.files.trial, ignore_errors=True)
        state = self.record.advance(state, _of(state).step, _words(problem))
        log.error("not updated", extra={"target": _of(state).target, "cause": _words(problem)})
        return self.record.end(state, is_done=False, ended_at=_now())

    def _turn_back(self, state: State, problem: BaseException, there: Running | None) -> tuple[State, Running]:
        """Bring the version before back, with everything that was acknowledged since."""
        log.error("going back", extra={"target": _of(state).target, "cause": _words(problem)})
        if _of(state).step is not Step.RESTORED:
            state = self._step(state, Step.REVERTING, _words(problem))
            if there:
                there.stop()
            self._restore(_of(state))
            state = self._step(state, Step.RESTORED)
            there = None
        started = there or self.racks.start(_of(state).origin)
        state = self.record.end(state, is_done=False, ended_at=_now())
        return state, started

    def _restore(self, update: Update) -> None:
        """Give the store back as the origin knows it.

        The snapshot is put back only if the target has not taken a request since; else the target's own
        downgrade takes the store back, so that nothing acknowledged is lost.
        """
        snapshot = self._snapshot(update)
        if not snapshot.exists():
            return  # nothing was changed yet, or it was put back already
        if not self.files.accepting.exists():
            store.restore(snapshot, self.files.store)
            return
        target, origin = (str(self.files.about(version)["schema"]) for version in (update.target, update.origin))
        if target > origin:
            export = str(self.files.exports / f"{update.id}-back.json")
            words = ("--downgrade-to", origin, "--data", str(self.files.root), "--export", export)
            self.racks.run(update.target, *words, within_s=MIGRATION_S)

    # --- what both ways need ---

    def _step(self, state: State, step: Step, cause: str = "") -> State:
        state = self.record.advance(state, step, cause)
        self.cross(step)
        return state

    def _snapshot(self, update: Update) -> Path:
        return self.files.snapshots / f"{update.id}.db"

    def _forget_old_snapshots(self) -> None:
        found = sorted(self.files.snapshots.glob("*.db"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[KEPT_SNAPSHOTS:]:
            path.unlink(missing_ok=True)


def _of(state: State) -> Update:
    if state.update is None:
        raise ValueError("no update is under way")
    return state.update


def _words(problem: BaseException) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__


def _now() -> str:
    # The old version may have gone back to a moment before this one; only the ledger's order counts.
    return datetime.now(UTC).isoformat()
