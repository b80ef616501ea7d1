"""Crossings: the points at which a rack may die, each between two things that last.

Builds, promotions, rollbacks and scaling announce every crossing that they pass (`Rack.cross`). Nobody
listens but a test, which kills the rack there: docs/reliability.md says what has to hold then. A name in
-ING stands before an effect, or inside a transaction that has yet to commit; any other stands after it.
"""

from collections.abc import Callable
from enum import StrEnum

from sternway.core.plan import Action, Freeze, Retire, Start, Switch
from sternway.core.promotion import PromotionStatus


class Crossing(StrEnum):
    """Every point, in the order in which an app meets them."""

    SOURCE_STORED = "source-stored"
    BUILD_ORDERED = "build-ordered"
    BUILD_BEGUN = "build-begun"
    BUILD_SPEAKING = "build-speaking"
    BUILD_MADE = "build-made"
    BUILD_LOGGED = "build-logged"
    BUILD_CONCLUDING = "build-concluding"
    BUILD_CONCLUDED = "build-concluded"
    SOURCE_FORGOTTEN = "source-forgotten"
    BUILD_FAILED = "build-failed"
    BUILD_CANCELLED = "build-cancelled"

    RELEASE_ADDING = "release-adding"
    RELEASE_ADDED = "release-added"
    PROMOTION_ADDING = "promotion-adding"
    PROMOTION_ADDED = "promotion-added"
    PROMOTION_CANCELLED = "promotion-cancelled"

    COMMAND_BEGINNING = "command-beginning"
    COMMAND_BEGUN = "command-begun"
    COMMAND_LAUNCHED = "command-launched"
    COMMAND_RUNNING = "command-running"
    COMMAND_LOGGED = "command-logged"
    COMMAND_ENDING = "command-ending"
    COMMAND_ENDED = "command-ended"
    COMMAND_STOPPING = "command-stopping"
    COMMAND_STOPPED = "command-stopped"

    STARTING = "starting"
    STARTED = "started"
    SWITCHING = "switching"
    SWITCHED = "switched"
    FREEZING = "freezing"
    FROZEN = "frozen"
    RETIRING = "retiring"
    RETIRED = "retired"

    RECORDING_UPDATING = "recording-updating"
    RECORDED_UPDATING = "recorded-updating"
    RECORDING_COMPLETED = "recording-completed"
    RECORDED_COMPLETED = "recorded-completed"
    RECORDING_REVERTING = "recording-reverting"
    RECORDED_REVERTING = "recorded-reverting"
    RECORDING_REVERTED = "recording-reverted"
    RECORDED_REVERTED = "recorded-reverted"

    SCALING = "scaling"
    SCALED = "scaled"


Cross = Callable[[Crossing], None]
"""Hears of a crossing, on the loop, before what comes after it; it may end the process and must not wait."""

_AROUND: dict[type[Action], tuple[Crossing, Crossing]] = {
    Start: (Crossing.STARTING, Crossing.STARTED),
    Switch: (Crossing.SWITCHING, Crossing.SWITCHED),
    Freeze: (Crossing.FREEZING, Crossing.FROZEN),
    Retire: (Crossing.RETIRING, Crossing.RETIRED),
}


def go_on(crossing: Crossing) -> None:
    """Do nothing, as every rack does outside of tests."""


def around(action: Action) -> tuple[Crossing, Crossing]:
    """Return the crossings before and after an action of the planner."""
    return _AROUND[type(action)]


def recording(status: PromotionStatus) -> Crossing:
    """Return the crossing of a promotion's transition that is written and not committed yet."""
    return Crossing(f"recording-{status}")


def recorded(status: PromotionStatus) -> Crossing:
    """Return the crossing behind a promotion's transition."""
    return Crossing(f"recorded-{status}")
