"""Durations as the contract writes them: `5m0s`, `2m`, `1h30m`, `250ms`."""

import re
from datetime import timedelta

from sternway.core.errors import InvalidInput

MAX = timedelta(days=3660)

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?)(ns|us|µs|ms|s|m|h)", re.ASCII)


def parse(text: str, field: str) -> timedelta:
    """Read a duration; raises InvalidInput that names the field. More than MAX counts as MAX."""
    parts = _PART.findall(text)
    if text == "0":
        return timedelta(0)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidInput(f"{field}: not a duration", hint="write it like 30s, 5m or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return min(timedelta(seconds=min(seconds, MAX.total_seconds())), MAX)
