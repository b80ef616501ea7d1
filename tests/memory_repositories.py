"""Repositories for tests: each address that was told has one commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sternway.core.errors import BuildFailed
from sternway.core.repository import Address, Commit
from sternway.ports import Fetched


class MemoryRepositories:
    """Fills `ports.Repositories`. `asked` are the addresses and refs that were asked for."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self.asked: list[tuple[Address, str]] = []

    @asynccontextmanager
    async def fetch(self, address: Address, ref: str) -> AsyncIterator[Fetched]:
        """Return what was told."""
        self.asked.append((address, ref))
        if address.url not in self.commits:
            raise BuildFailed("the repository cannot be fetched: not found", hint="check its address")
        yield Fetched(self.commits[address.url], _tar())


async def _tar() -> AsyncIterator[bytes]:
    yield b"files of a commit"
