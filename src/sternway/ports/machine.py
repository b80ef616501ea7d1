"""What the rack needs of the machine that it runs on: time, chance, and the key."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can have theirs."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC. It may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever rise."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Ids(Protocol):
    """Random ids. They carry no order."""

    def build(self) -> str:
        """Return `B` and ten capitals."""
        ...

    def release(self) -> str:
        """Return `R` and ten capitals."""
        ...

    def move(self) -> str:
        """Return `V` and ten capitals, for a move of the rack to another version."""
        ...

    def secret(self, digits: int = 48) -> str:
        """Return so many random hex digits; 48 of them cannot be guessed."""
        ...


class Secrets(Protocol):
    """What the key of the rack can do; the key never leaves its adapter."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate. `context` says where the bytes belong; they open nowhere else."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed; raises Corrupt for another key, another context or damaged bytes."""
        ...

    def fingerprint(self, content: bytes) -> str:
        """Return a keyed hash, 32 hex digits, that reveals nothing of the content to who lacks the key."""
        ...

    async def stretch(self, password: str) -> str:
        """Return a slow hash of a password, different each time, of no use to who lacks the key; never empty."""
        ...

    async def matches(self, stretched: str, password: str) -> bool:
        """Tell whether this is the password that was stretched; takes as long where there is none (an empty text)."""
        ...
