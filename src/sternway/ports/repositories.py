"""The Protocol of source that is fetched from elsewhere."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from sternway.core.repository import Address, Commit


@dataclass(frozen=True, slots=True)
class Fetched:
    """A commit, and its files as a tar in chunks, to be read once within the block."""

    commit: Commit
    tar: AsyncIterator[bytes]


class Repositories(Protocol):
    """Git repositories of others. Nothing of one is ever run, and nothing of it outlives the block."""

    def fetch(self, address: Address, ref: str) -> AbstractAsyncContextManager[Fetched]:
        """Fetch one commit of a repository, without history and submodules.

        Raises BuildFailed with a reason for people if it cannot be had in time, Refused for a server that is not
        to be reached from here, and Unsupported where there is no Git. Cancelling leaves nothing behind.
        """
        ...
