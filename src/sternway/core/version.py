"""Versions of Sternway itself: `YYYYMMDDhhmmss[-label]`, for the rack and the command line alike."""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from sternway.core.errors import InvalidInput

_FORM = re.compile(r"([0-9]{14})(?:-[a-z0-9]+(?:-[a-z0-9]+)*)?")
_MOMENT = "%Y%m%d%H%M%S"
MAX_LENGTH = 64
CHANNEL = "channel"
"""The parameter of the rack that names where its versions come from: an http(s) address, a directory, or nothing."""


def read(text: str) -> str:
    """Return a version as it is written; raises InvalidInput. Texts of versions sort as the versions do."""
    try:
        moment(text)
    except ValueError as exc:
        raise InvalidInput(
            f"version: {text[:MAX_LENGTH]!r} is not YYYYMMDDhhmmss or YYYYMMDDhhmmss-label",
            hint="see them: sternway rack releases, or sternway update --list",
        ) from exc
    return text


def moment(version: str) -> datetime:
    """Return when a version was made; raises ValueError for what is none."""
    found = _FORM.fullmatch(version)
    if found is None or len(version) > MAX_LENGTH:
        raise ValueError(version)
    return datetime.strptime(found.group(1), _MOMENT).replace(tzinfo=UTC)


def of(at: datetime, label: str = "") -> str:
    """Return the version that is made at a moment."""
    return read(at.astimezone(UTC).strftime(_MOMENT) + (f"-{label}" if label else ""))


def read_channel(text: str) -> str:
    """Return the address of a channel; empty for none. Raises InvalidInput."""
    address = text.strip().rstrip("/")
    if address.startswith("/") or not text.strip():
        return address
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        is_good = False
    if not is_good:
        hint = "for example https://sternway.example/channel or /srv/channel; a password does not belong into it"
        raise InvalidInput(f"{CHANNEL}: {text[:80]!r} is no http address and no directory", hint=hint)
    return address
