"""A lock between processes: two racks may stand side by side on one router's directory."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sternway.core.errors import RouterUnavailable
from sternway.ports import Clock

RETRY_S = 0.005


@asynccontextmanager
async def held(file: Path, clock: Clock, *, timeout_s: float) -> AsyncIterator[None]:
    """Hold the lock while the block runs. Raises RouterUnavailable when another one keeps it too long."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = clock.monotonic() + timeout_s
        while not _try(descriptor):
            if clock.monotonic() > deadline:
                raise RouterUnavailable(f"{file} is locked", hint="look for another rack on this directory")
            await clock.sleep(RETRY_S)
        yield
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
