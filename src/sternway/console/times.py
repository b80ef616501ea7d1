"""Times in words, and exactly."""

from datetime import UTC, datetime

from sternway.console import texts

_STEPS = ((60, 60, "MINUTE"), (3600, 24, "HOUR"), (86400, 7, "DAY"), (604800, 5, "WEEK"), (2629800, 12, "MONTH"))
_YEAR_S = 31557600


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago that was, as lists do: one number and one word."""
    seconds = (now - at).total_seconds()
    if seconds < 60:
        return texts.JUST_NOW
    for unit_s, bound, name in _STEPS:
        if (count := int(seconds // unit_s)) < bound:
            return texts.AGO.format(span=_counted(max(count, 1), name))
    return texts.AGO.format(span=_counted(max(int(seconds // _YEAR_S), 1), "YEAR"))


def span(seconds: float) -> str:
    """Say how long something took, or will."""
    if seconds < 1:
        return texts.UNDER_A_SECOND
    if seconds < 120:
        return _counted(round(seconds), "SECOND")
    return _counted(round(seconds / 60), "MINUTE")


def exact(at: datetime) -> str:
    """Return the moment to the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine(at: datetime) -> str:
    """Return it for a `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def clock(at: datetime) -> str:
    """Return the time of day to the millisecond, as logs show it."""
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def _counted(count: int, name: str) -> str:
    one, many = texts.UNITS[name]
    return f"{count} {one if count == 1 else many}"
