"""The Protocol of versions of the rack itself: those that can be had, those that are here, and the move to one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Offer:
    """A version that the rack can be moved to. `yanked` says why it should not; `is_installed`: it takes no network.

    `about` is what the version tells of itself: `schema` (its own), `schemas` (all that it can migrate).
    """

    version: str
    notes: str = ""
    yanked: str = ""
    is_installed: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    """A move to another version, as a person orders it. `accept_export`: rows it cannot hold may be taken out."""

    id: str
    target: str
    by: str
    reason: str
    at: str
    accept_export: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a move ended: `result` is completed or reverted, and `cause` says why it was reverted."""

    id: str
    origin: str
    target: str
    by: str
    reason: str
    at: str
    ended_at: str
    result: str
    cause: str = ""


class Versions(Protocol):
    """Where the rack's own versions come from, and who moves it between them."""

    def check(self) -> None:
        """Raise Unsupported for a rack that nothing can move: one that was started without its launcher."""
        ...

    async def offered(self) -> Sequence[Offer]:
        """Return what the channel lists for this machine, newest first.

        Raises NotFound while no channel is set, ChannelRefused for one that is not as signed, ChannelUnavailable.
        """
        ...

    async def kept(self) -> Sequence[Offer]:
        """Return what is installed, newest first, without a network; nothing is known of it being yanked."""
        ...

    async def prepare(self, version: str) -> Offer:
        """See to it that a version is installed here, verified, beside the others; it takes as long as a download.

        A kept version is checked against what was recorded of it, without a network. Called twice it does nothing
        more. Raises NotFound, ChannelRefused, ChannelUnavailable, InvalidInput for one that cannot run here,
        Corrupt, and Unavailable for a disk that does not take it.
        """
        ...

    async def stranded(self, offer: Offer) -> Mapping[str, int]:
        """Return how many rows of which tables the version could not hold; none for one as new as the store.

        Raises Refused if there is no way between the store and what the version knows.
        """
        ...

    async def order(self, move: Move) -> None:
        """Hand a prepared move to the launcher, durably; raises Refused while another one is under way."""
        ...

    async def under_way(self) -> str:
        """Return the version that the rack is being moved to, or nothing."""
        ...

    async def outcomes(self) -> Sequence[Outcome]:
        """Return how moves ended that are not on the rack's record yet, the oldest first."""
        ...

    async def forget(self, outcome: Outcome) -> None:
        """Let go of an outcome that is on record; called twice it does nothing more."""
        ...

    async def published(self, name: str) -> Path:
        """Return a file of the channel that this rack serves to others; raises NotFound. No name is its page."""
        ...

    async def keep(self, versions: Collection[str]) -> None:
        """Remove what is installed beside these and the version that runs; called while nothing is under way."""
        ...
