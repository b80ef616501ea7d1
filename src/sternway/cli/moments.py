"""Points in time as people type them, in the time zone of their machine; what is sent is UTC."""

import re
from datetime import UTC, datetime, time, timedelta

from sternway.cli import errors

PREVIOUS = "previous"
HINT = "like '2026-11-20 14:05', 14:05, 'yesterday 14:05', '2 hours ago' or previous"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"([0-9]{1,6})\s*(s|sec|second|m|min|minute|h|hour|d|day|w|week)s?\s+ago")
_CLOCK = re.compile(r"(?:(today|yesterday)\s+)?([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)")


def read(text: str, now: datetime) -> str:
    """Return `previous`, or the time in UTC as RFC 3339; `now` is aware. Raises a usage error for anything else."""
    words = " ".join(text.split())
    if words.lower() == PREVIOUS:
        return PREVIOUS
    try:
        found = _ago(words.lower(), now) or _clock(words.lower(), now) or datetime.fromisoformat(words)
        return found.astimezone(UTC).isoformat()
    except (ValueError, OverflowError, OSError) as exc:
        raise errors.usage(f"not a point in time: {text}", hint=HINT) from exc


def _ago(text: str, now: datetime) -> datetime | None:
    found = _AGO.fullmatch(text)
    return now - timedelta(seconds=int(found[1]) * _UNITS[found[2][0]]) if found else None


def _clock(text: str, now: datetime) -> datetime | None:
    """Read a time of the day: without a day, the last time that it was so late."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    today = now.astimezone().date()
    clock = time.fromisoformat(found[2].rjust(5, "0") if found[2].count(":") == 1 else found[2].rjust(8, "0"))
    at = datetime.combine(today, clock)
    is_earlier = found[1] == "yesterday" or (found[1] is None and at.astimezone() > now)
    return at - timedelta(days=1) if is_earlier else at
