"""What was active when: which release "the one before" and "the one of that time" mean.

Only attempts that completed count, in the order in which they were made. The clock may have been set back in
between, so of those that a time could mean, the newest by order is meant, and never one that was not active.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sternway.core.app import Made, Settings

STARTING = "Starting "
"""What the step begins with that says that processes were started: no such step, and nothing had to be."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A time that a release became active: the promotion that completed, when it was asked for, and when it ended.

    `content` is a keyed hash: two releases with the same build, environment and manifest have the same.
    """

    promotion_id: int
    release_id: str
    content: str
    asked_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class SettingsLine:
    """What was set for an app from a time on."""

    settings: Settings
    made: Made


def previous(stands: Sequence[Stand]) -> Stand | None:
    """Return the last one, of those newest first, with another content than the active one.

    Going back to it twice returns: what was active is then what was active before.
    """
    return next((stand for stand in stands if stand.content != stands[0].content), None)


def active_at(stands: Sequence[Stand], moment: datetime) -> Stand | None:
    """Return the one that was active then, of those newest first; None before the first."""
    return next((stand for stand in stands if stand.at <= moment), None)


def last_with(stands: Sequence[Stand], content: str) -> Stand | None:
    """Return the last one with this content, of those newest first."""
    return next((stand for stand in stands if stand.content == content), None)


def left_at(stands: Sequence[Stand], stand: Stand) -> datetime | None:
    """Return when another content took its place, None while none has."""
    later = _successor(stands, stand)
    return later.at if later else None


def settings_at(lines: Sequence[SettingsLine], moment: datetime | None) -> Settings:
    """Return what was set just before a moment, of lines newest first; None is now, nothing yet is the default."""
    found = (line.settings for line in lines if moment is None or line.made.at < moment)
    return next(found, Settings())


def settings_beside(stands: Sequence[Stand], lines: Sequence[SettingsLine], content: str) -> Settings | None:
    """Return what was set when this content was last active; None if it never was.

    What was set with or after the request for its successor is the successor's: a rollback brings settings back
    before it is through, and going back over it would otherwise find those.
    """
    stand = last_with(stands, content)
    if stand is None:
        return None
    later = _successor(stands, stand)
    return settings_at(lines, later.asked_at if later else None)


def _successor(stands: Sequence[Stand], stand: Stand) -> Stand | None:
    """Return the first one with another content that came after it."""
    later = [other for other in stands if other.promotion_id > stand.promotion_id and other.content != stand.content]
    return later[-1] if later else None


def typical_s(stands: Sequence[Stand]) -> float | None:
    """Return the median of how long these took, in seconds; None where nothing can be said.

    A clock that was set back in between makes some look as if they had ended before they began: they are left out.
    """
    took = [stand.at - stand.asked_at for stand in stands]
    known = [each.total_seconds() for each in took if each >= timedelta(0)]
    return median(known) if known else None
