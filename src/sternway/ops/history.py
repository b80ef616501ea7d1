"""Use cases of history: what was active when, by whom and why, for an app and for the rack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Subject(StrEnum):
    """What a line of history is about."""

    RELEASE = "release"
    ENVIRONMENT = "environment"
    SCALE = "scale"
    SETTINGS = "settings"
    APP = "app"
    RACK = "rack"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did, and how it ended. `at` is when it was asked for.

    `text` says in words what it was. `status` is that of a promotion (completed, reverted, cancelled, superseded,
    or open), of a version of the rack, or empty. `active_from` and `active_until` are when what it brought was in
    production, both None if it never was, the latter None while it is. `subject` RELEASE has `release` and
    `promotion`, and `copy_of` where it went back. `cause` is why it did not end well.
    """

    at: datetime
    subject: Subject
    text: str
    by: str
    reason: str = ""
    status: str = ""
    cause: str = ""
    app: str = ""
    release: str = ""
    copy_of: str = ""
    description: str = ""
    promotion: int = 0
    active_from: datetime | None = None
    active_until: datetime | None = None
    is_active: bool = False


# `async def of_app(rack, app_name, limit) -> Sequence[Entry]` and `of_rack(rack, limit)`, newest first, follow;
# `async def point(rack, app_name, to: str) -> Point` finds the release that `previous` or a time means.


@dataclass(frozen=True, slots=True)
class Point:
    """A release that was active: since when, and until when if it no longer is."""

    release: str
    description: str
    since: datetime
    until: datetime | None = None


History = Sequence[Entry]
