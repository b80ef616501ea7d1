"""Kill a rack with -9 at every crossing, and at random moments, while clients look at what it serves.

Run as a program it prints a table of what happened: `python -m scripts.faults.kill`.
"""

import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.faults.crowd import Crowd
from scripts.faults.deeds import APP, GREETINGS, HOST, KILLS, Deed, Stage
from scripts.faults.rig import Rig, Unanswered
from sternway.core.crossing import Crossing

DIES_WITHIN_S = 5.0
RECOVERS_WITHIN_S = 10.0
"""What is promised, and looked at by this program, which has the machine for itself."""
PATIENCE_S = 30.0
"""How long is waited where others have the machine too, such as tests."""
RANDOM_KILLS = 10


@dataclass(frozen=True, slots=True)
class Killing:
    """One death: how long after the new start the rack answered, and how long until nothing was left to do."""

    deed: str
    crossing: str
    answers_s: float
    settled_s: float


class Killer:
    """Does deeds and ends the rack in the middle of them."""

    def __init__(self, stage: Stage, crowd: Crowd) -> None:
        self.stage = stage
        self.crowd = crowd
        self._told: set[str] = set()

    def kill_at(self, deed: Deed, crossing: Crossing) -> Killing:
        """Have the rack die at a crossing of a deed, start it again, and wait until all is well.

        Raises RuntimeError if it never passed there, or if something is still to be done after PATIENCE_S.
        """
        rig = self.stage.rig
        doing = deed(self.stage)
        next(doing)
        rig.die_at(crossing)
        with suppress(Unanswered):
            next(doing, None)
        if not rig.rack.has_died(DIES_WITHIN_S):
            rig.forget_order()
            raise RuntimeError(f"{deed.__name__} never passed {crossing}")
        return self._recover(deed.__name__, crossing)

    def kill_in_storm(self, dice: random.Random) -> Killing:
        """Kill the rack somewhen during a series of rollbacks, one upon the other."""
        rig, stage = self.stage.rig, self.stage
        ends_at = time.monotonic() + dice.uniform(0.05, 1.0)
        releases = [stage.newest_of(version) for version in GREETINGS]
        while time.monotonic() < ends_at:
            stage.expect_active(rig.roll_back(APP, dice.choice(releases)))
            time.sleep(min(dice.uniform(0, 0.3), max(0.0, ends_at - time.monotonic())))
        rig.rack.kill()
        return self._recover("storm", "anywhere")

    def problems(self, *, is_thorough: bool = False) -> list[str]:
        """Return every promise that does not hold, each of them once; thorough, look for all that there ever was."""
        rig = self.stage.rig
        lost = [f"lost or undone: {path}" for path in rig.lost(is_thorough=is_thorough)]
        broken = [f"the chain {chain} is broken at {at}" for chain, at in rig.broken_chains().items()]
        left = [f"left behind: {path}" for path in rig.unpacked.glob("*")]
        found = [*lost, *broken, *left, *(f"failed request: {failure}" for failure in self.crowd.failures)]
        new = [problem for problem in found if problem not in self._told]
        self._told.update(found)
        return new

    def _recover(self, deed: str, crossing: str) -> Killing:
        began = time.monotonic()
        self.stage.rig.rack.start()
        answered = time.monotonic()
        self.stage.rig.settle(APP, PATIENCE_S)
        settled = time.monotonic()
        self.stage.stand_by("off")
        return Killing(deed, crossing, answered - began, settled - began)


@contextmanager
def killing(directory: Path, docker_host: str | None = None) -> Iterator[Killer]:
    """Have a rack with the example deployed, and a crowd before it."""
    with Rig(directory, uuid.uuid4().hex, docker_host).running() as rig:
        stage = Stage(rig)
        stage.set_up()
        crowd = Crowd(rig.rack.router_port, HOST, GREETINGS)
        crowd.start()
        try:
            yield Killer(stage, crowd)
        finally:
            crowd.stop()


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sternway-kill-") as directory, killing(Path(directory)) as killer:
        done = [killer.kill_at(deed, crossing) for deed, crossings in KILLS.items() for crossing in crossings]
        dice = random.Random(1)
        done += [killer.kill_in_storm(dice) for _ in range(RANDOM_KILLS)]
        problems = killer.problems(is_thorough=True)
        problems += [f"took too long: {each}" for each in done if each.settled_s > RECOVERS_WITHIN_S]
        print("\n".join(_table(done)))
        print(f"\n{len(done)} kills in {time.monotonic() - began:.0f} s; {killer.crowd.sent} requests, ", end="")
        print(f"{len(killer.crowd.failures)} failed; {len(killer.stage.rig.acknowledged)} acknowledged rows looked for")
    print("\n".join(problems[:20]))
    return 1 if problems else 0


def _table(done: list[Killing]) -> Iterator[str]:
    yield "| During | Kills | Answers again, median and longest | All done, median and longest |"
    yield "|---|---|---|---|"
    for deed in dict.fromkeys(each.deed for each in done):
        of_deed = [each for each in done if each.deed == deed]
        answers, settled = _figures(each.answers_s for each in of_deed), _figures(each.settled_s for each in of_deed)
        yield f"| {deed.replace('_', ' ')} | {len(of_deed)} | {answers} | {settled} |"


def _figures(seconds: Iterable[float]) -> str:
    values = list(seconds)
    return f"{statistics.median(values):.2f} s, {max(values):.2f} s"


if __name__ == "__main__":
    sys.exit(main())
