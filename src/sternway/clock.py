"""Time and randomness of the machine."""

import asyncio
import secrets
import string
import time
from datetime import UTC, datetime

from sternway.core import names


class SystemClock:
    """Fills `ports.Clock`."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever rise."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


class RandomIds:
    """Fills `ports.Ids`; nobody can guess an id from another."""

    def build(self) -> str:
        """Return `B` and ten capitals."""
        return names.id_from("B", _letters())

    def release(self) -> str:
        """Return `R` and ten capitals."""
        return names.id_from("R", _letters())

    def move(self) -> str:
        """Return `V` and ten capitals."""
        return names.id_from("V", _letters())

    def secret(self, digits: int = 48) -> str:
        """Return so many random hex digits."""
        return secrets.token_hex((digits + 1) // 2)[:digits]


def _letters() -> str:
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(names.ID_LETTERS))
