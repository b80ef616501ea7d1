"""Who is signed in.

A session is a token in a cookie. `SealedSessions` keeps none of them: a token says when it was made, and is
believed for the rack's keyed hash over it and the password, so that sessions outlive a restart of the rack, and
none outlives its password.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Protocol

from sternway.core.access import Principal, Role
from sternway.core.errors import Unauthenticated
from sternway.ports import Clock, Secrets

LASTS = timedelta(days=7)
FIRST_ADMIN = "rack-password"
MAX_ENDED = 10_000


class Sessions(Protocol):
    """Begin, find and end sessions."""

    async def begin(self, name: str, password: str) -> str:
        """Return the token of a new session; raises Unauthenticated."""
        ...

    async def find(self, token: str) -> Principal | None:
        """Return whose session it is; None for one that ended, or never was."""
        ...

    async def end(self, token: str) -> None:
        """Sign out. Called twice it does nothing more."""
        ...


class SealedSessions:
    """Fills `Sessions` for whoever has the rack's password; each may do everything."""

    def __init__(self, password: str, key: Secrets, clock: Clock) -> None:
        self._password = password
        self._key = key
        self._clock = clock
        self._ended: dict[str, None] = {}

    async def begin(self, name: str, password: str) -> str:
        """Return the token of a new session; raises Unauthenticated."""
        if not hmac.compare_digest(password.encode(), self._password.encode()):
            raise Unauthenticated("invalid authentication", hint="check the password in RACK_URL")
        content = f"{int(self._clock.now().timestamp())}.{secrets.token_hex(16)}"
        return f"{content}.{self._seal(content)}"

    async def find(self, token: str) -> Principal | None:
        """Return whose session it is; None for one that ended, or never was."""
        content, _, seal = token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(content).encode()) or token in self._ended:
            return None
        begun_at = datetime.fromtimestamp(int(content.partition(".")[0]), self._clock.now().tzinfo)
        is_over = self._clock.now() - begun_at > LASTS
        return None if is_over else Principal(FIRST_ADMIN, Role.ADMIN)

    async def end(self, token: str) -> None:
        """Sign out. Called twice it does nothing more."""
        self._ended[token] = None
        while len(self._ended) > MAX_ENDED:
            self._ended.pop(next(iter(self._ended)))

    def _seal(self, content: str) -> str:
        return self._key.fingerprint(f"console session\n{content}\n{self._password}".encode())
