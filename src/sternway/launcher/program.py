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
from sternway.launcher.update import HEALTHY_S, WATCH_S, Mover

log = logging.getLogger(__name__)

LOOK_S = 0.2
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A rack that ran so long is started again at once when it crashes."""
DIE_AT = "STERNWAY_LAUNCHER_DIE_AT"
"""For tests: a file that names a step. The launcher that reaches it removes the file and kills itself there."""


class Stopped(Exception):
    """The launcher was asked to end, or its rack was."""


class Launcher:
    """The loop over one rack."""

    def __init__(self, files: Files, racks: Racks, mover: Mover) -> None:
        self._files = files
        self._racks = racks
        self._mover = mover
        self._record = Record(files)
        self._is_asked_to_stop = False

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """End the loop soon, and the rack with it. An update that is under way is ended first."""
        self._is_asked_to_stop = True

    def run(self) -> None:
        """Keep the rack running until one of them is asked to stop."""
        state = self._record.load()
        running = self._racks.find()
        if state.update:
            state, running = self._mover.recover(state, running)
        running = running or self._racks.start(state.active)
        try:
            while True:
                state, running = self._round(state, running)
        except Stopped:
            return

    def _round(self, state: State, running: Running) -> tuple[State, Running]:
        if running.has_ended(LOOK_S):
            return state, self._start_again(state, running)
        if self._is_asked_to_stop:
            running.stop()
            raise Stopped
        state = self._record.take_order(state)
        return self._mover.move(state, running) if state.update else (state, running)

    def _start_again(self, state: State, ended: Running) -> Running:
        """Start it again after it crashed; one that ended well was asked to, and then so is the launcher."""
        if ended.exit_code() == 0 or self._is_asked_to_stop:
            ended.close()
            raise Stopped
        log.error("the rack has crashed; it is started again", extra={"exit_code": ended.exit_code()})
        ended.close()
        return self._start_patiently(state)

    def _start_patiently(self, state: State) -> Running:
        pause_s = FIRST_PAUSE_S
        while True:
            self._wait(pause_s)
            try:
                started = self._racks.start(state.active)
                if not started.has_ended(min(pause_s * 2, STEADY_S)):
                    return started
                started.close()
            except Failed as problem:
                log.error("the rack does not start", extra={"cause": str(problem)})
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

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
    logging.basicConfig(format="%(asctime)s launcher %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    files = Files(known.data.absolute())
    racks = Racks(files, passed_on)
    mover = Mover(files, racks, Record(files), watch_s=known.watch, healthy_s=known.healthy_within)
    mover.cross = _cross(os.environ.get(DIE_AT))
    launcher = Launcher(files, racks, mover)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, launcher.ask_to_stop)
    try:
        with _alone(files):
            launcher.run()
    except (OSError, ValueError, Failed) as problem:
        print(f"sternway-launcher: {problem}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _alone(files: Files) -> Iterator[None]:
    """Be the only launcher of this directory until the block ends."""
    files.state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (files.state.parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Failed(f"a launcher already runs on {files.root}") from exc
        yield


def _cross(order: str | None) -> Callable[[Step], None]:
    def die_if_told(step: Step) -> None:
        path = Path(order or "")
        if order and path.exists() and path.read_text() == step:
            path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    return die_if_told
