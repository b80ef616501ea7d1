"""The Protocol of what runs formations."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from sternway.core.formation import Formation, FormationKey, FormationState


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as facts that the planner and the edges read."""

    name: str
    can_freeze: bool = False
    can_exec: bool = False
    can_limit: bool = False
    can_contain: bool = False


class Engine(Protocol):
    """Runs formations.

    Every write carries the epoch of the writer's lease; one that is older than the newest seen raises
    StaleEpoch and does nothing. When the engine itself does not answer, every method raises
    EngineUnavailable: what runs is then unknown.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return what this engine can do; it does not change while the rack runs."""
        ...

    @property
    def problem(self) -> str:
        """Return why it does not answer now, in words for people; nothing while it does."""
        ...

    @property
    def epoch(self) -> int:
        """Return the highest epoch that was ever admitted, also before a restart; 0 if none was."""
        ...

    def run(self) -> AbstractAsyncContextManager[None]:
        """Connect, adopt what an earlier rack left running (untouched), and watch it until the block ends.

        One that does not answer is no error here: it is tried again and again, and listeners hear of its apps
        once it does. Leaving the block stops the watching and no process.
        """
        ...

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called on the loop whenever `observe(app)` may answer something new.

        What is there already is new to it: it is called at once for each app of which there is something.
        """
        ...

    async def ensure(self, formation: Formation, count: int, *, epoch: int) -> None:
        """See to it that a process runs, or is being started, in each slot below `count`; stop none.

        Frozen ones there are thawed: they show as HEALTHY only after they were found healthy since.
        Returns once each is on its way; health comes with `observe`. Called twice it does nothing more.
        A formation that is there already keeps the release that first started it. A start that cannot work
        (no such command, artifact gone) is no error here: the process shows as FAILED with the reason.
        """
        ...

    async def retire(self, key: FormationKey, *, keep: int, epoch: int) -> None:
        """Begin to stop the processes in the slots from `keep` on: SIGTERM, then SIGKILL after the grace.

        Returns once it has begun; they show as STOPPING until they are gone. With `keep` 0 the formation is
        forgotten when the last is gone. An unknown key and a second call do nothing.
        """
        ...

    async def freeze(self, key: FormationKey, *, epoch: int) -> None:
        """Keep every process of the formation from running, just as it is; they show as FROZEN.

        Returns once nothing of them runs. `ensure` thaws them, `retire` ends them within their grace. One that
        cannot be frozen (still starting, failed, or the engine has no way to) is stopped as `retire` does.
        They stay frozen when the rack starts again. An unknown key and a second call do nothing.
        """
        ...

    async def examine(self, key: FormationKey) -> None:
        """Ask each process of the formation how it is, now; returns once all have answered, or were too slow to.

        `observe` tells what they said. An unknown key does nothing.
        """
        ...

    async def restart(self, key: FormationKey, process_id: str, *, epoch: int) -> None:
        """Stop one process as `retire` does; its slot is filled again. Raises NotFound."""
        ...

    async def forget(self, app: str, *, epoch: int, owner: int = 0) -> None:
        """Let go of what is kept of an app that is deleted: what its processes printed, what runs it apart.

        Data that it kept in volumes is put aside and not removed; `owner` is the app's id, by which
        `recall` finds it. Raises Conflict while something of it runs. An unknown app and a second call do nothing.
        """
        ...

    async def recall(self, app: str, *, epoch: int, owner: int) -> bool:
        """Bring back the volumes that `forget` put aside for this owner, and tell whether there are any.

        Raises Conflict where volumes of another app of that name are in their place. Called twice it does
        nothing more.
        """
        ...

    async def withdraw(self, app: str, *, epoch: int) -> None:
        """Remove what it keeps of an app where others have something too, for a rack that is taken down.

        Ended processes go with what they printed, and so does their network; artifacts and data in volumes stay,
        and the app finds them again. Raises Conflict while something of it runs. Called twice it does nothing more.
        """
        ...

    async def observe(self, app: str) -> tuple[FormationState, ...]:
        """Return every formation of the app that is present, sorted by key.

        Before a start: absent. During it: present, its processes STARTING. After the rack restarted: as
        before, with the same process ids. What the engine cannot tell raises EngineUnavailable.
        """
        ...
