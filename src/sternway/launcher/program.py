"""`sternway-launcher`: keep the active version running, restart it when it crashes, move it when it is asked to."""

import argparse
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sternway.launcher.files import Files
from sternway.launcher.rack import Failed, Racks, Running
from sternway.launcher.state import Record, State, Step
from sternway.launcher.update import FIRST_PAUSE_S, HEALTHY_S, LONGEST_PAUSE_S, PROBLEMS, WATCH_S, Mover

log = logging.getLogger(__name__)

LOOK_S = 0.2
STEADY_S = 60.0
"""A rack that ran so long is started again at once when it crashes."""
DIE_AT = "STERNWAY_LAUNCHER_DIE_AT"
"""For tests: a file with a step and a signal, which the launcher that reaches the step gives itself there."""
_TOLD = ("version", "target", "step", "cause", "problem", "exit_code", "file")
"""What log records carry beside their message."""


class Stopped(Exception):
    """The launcher was asked to end, or its rack was."""


class Launcher:
    """The loop over one rack."""

    def __init__(self, racks: Racks, record: Record, mover: Mover) -> None:
        self._racks = racks
        self._record = record
        self._mover = mover
        mover.wait, mover.is_asked_to_stop = self._wait, lambda: self._is_asked_to_stop
        self._is_asked_to_stop = False
        self._started_at_s = 0.0
        self._pause_s = 0.0

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """End the loop soon, and the rack with it. An update that is past its trial is ended first."""
        self._is_asked_to_stop = True

    def run(self) -> None:
        """Keep the rack running until one of them is asked to stop; raises ValueError for a lost state."""
        state = self._record.load()
        running = self._racks.find()
        try:
            if state.update:
                state, running = self._mover.recover(state, running)
            while True:
                state, running = self._round(state, running)
        except Stopped:
            if left := self._racks.find():
                left.stop()

    def _round(self, state: State, running: Running | None) -> tuple[State, Running | None]:
        if self._is_asked_to_stop:
            if running:
                running.stop()
            raise Stopped
        state = self._with_order(state)
        if state.update:
            self._pause_s = 0.0
            return self._mover.move(state, running)
        if running is None:
            return state, self._start(state.active)
        if running.has_ended(LOOK_S):
            self._let_go(running)
            return state, None
        return state, running

    def _with_order(self, state: State) -> State:
        """Return the state with what was ordered. Also while no rack runs: it may be the way out of that."""
        try:
            return self._record.take_order(state)
        except PROBLEMS as problem:
            log.error("an order cannot be taken", extra={"cause": str(problem)})
            self._wait(LONGEST_PAUSE_S)
            return state

    def _start(self, version: str) -> Running | None:
        """Start it, after a pause that grows while it crashes soon."""
        self._wait(self._pause_s)
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._started_at_s = time.monotonic()
        try:
            return self._racks.start(version)
        except PROBLEMS as problem:
            log.error("the rack does not start", extra={"cause": str(problem)})
            return None

    def _let_go(self, ended: Running) -> None:
        """See how it ended: one that ended well was asked to, and then so is the launcher."""
        code = ended.exit_code()
        ended.close()
        if code == 0 or (code is None and self._racks.has_signed_off()):
            raise Stopped
        log.error("the rack has crashed; it is started again", extra={"exit_code": code})
        if time.monotonic() - self._started_at_s > STEADY_S:
            self._pause_s = 0.0

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._is_asked_to_stop:
                raise Stopped
            time.sleep(min(LOOK_S, left))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a launcher. What it does not know itself is passed on to the rack."""
    parser = argparse.ArgumentParser(prog="sternway-launcher", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the rack keeps everything")
    parser.add_argument(
        "--healthy-within", type=float, default=HEALTHY_S, metavar="S", help="how long a start may take"
    )
    parser.add_argument("--watch", type=float, default=WATCH_S, metavar="S", help="how long a new version is watched")
    known, passed_on = parser.parse_known_args(arguments)
    _log_to_stderr()
    files = Files(known.data.absolute())
    racks = Racks(files, passed_on)
    record = Record(files)
    mover = Mover(files, racks, record, watch_s=known.watch, healthy_s=known.healthy_within)
    mover.cross = _cross(os.environ.get(DIE_AT))
    launcher = Launcher(racks, record, mover)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, launcher.ask_to_stop)
    try:
        with _alone(files):
            launcher.run()
    except (OSError, ValueError, Failed) as problem:
        print(f"sternway-launcher: {problem}", file=sys.stderr)
        return 1
    return 0


class _Lines(logging.Formatter):
    """A line for each record, with what belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        told = " ".join(f"{name}={value!r}" for name, value in vars(record).items() if name in _TOLD)
        return f"{super().format(record)} {told}".rstrip()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s launcher %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


@contextmanager
def _alone(files: Files) -> Iterator[None]:
    """Be the only launcher of this directory until the block ends.

    The lock is of the kind that a child does not share: one that was just being started as this launcher was
    killed must not keep the next launcher out.
    """
    files.state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (files.state.parent / "lock").open("w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Failed(f"a launcher already runs on {files.root}") from exc
        yield


def _cross(order: str | None) -> Callable[[Step], None]:
    def die_if_told(step: Step) -> None:
        path = Path(order or "")
        if order and path.exists() and (told := path.read_text().split())[0] == step:
            path.unlink()
            os.kill(os.getpid(), signal.Signals[told[1]])

    return die_if_told
