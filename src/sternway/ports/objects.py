"""The Protocol of what keeps blobs."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Objects(Protocol):
    """Blobs by app and key, such as uploaded archives and logs of builds. A put is whole or not there."""

    async def put(self, app: str, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store what the chunks give, durably, and return its size; an object with that key is replaced.

        Raises InvalidInput for a key with `..` and TooLarge over the bound. Cancelled, it leaves nothing.
        """
        ...

    async def path(self, app: str, key: str) -> Path:
        """Return a file that can be read; raises NotFound."""
        ...

    async def list_older(self, prefix: str, before: datetime) -> Sequence[tuple[str, str]]:
        """Return app and key of the objects of all apps that were put before then, with keys that begin so."""
        ...

    async def delete(self, app: str, key: str) -> None:
        """Remove it; raises NotFound."""
        ...
