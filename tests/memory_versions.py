"""Versions of a rack in memory: a channel, what is installed, and a launcher that does what the test says."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sternway.core.errors import NotFound, Refused, SternwayError, Unsupported
from sternway.ports import Move, Offer, Outcome

ENDED_AT = "2026-06-01T12:00:00+00:00"


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class MemoryVersions:
    """Fills `ports.Versions`. `trouble` is what the channel raises, `failure` what preparing does.

    `ready` holds preparing back while it is clear; `handed_over` is set with each order.
    """

    channel: list[Offer] = field(default_factory=list)
    installed: list[Offer] = field(default_factory=list)
    is_launched: bool = True
    trouble: SternwayError | None = None
    failure: Exception | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    ended: list[Outcome] = field(default_factory=list)
    current: Move | None = None
    kept_versions: list[str] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=_set)
    handed_over: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        if not self.is_launched:
            raise Unsupported("this rack was started without its launcher")

    async def offered(self) -> Sequence[Offer]:
        if self.trouble:
            raise self.trouble
        here = {offer.version for offer in self.installed}
        return [replace(offer, is_installed=offer.version in here) for offer in self.channel]

    async def kept(self) -> Sequence[Offer]:
        return self.installed

    async def prepare(self, version: str) -> Offer:
        await self.ready.wait()
        if self.failure:
            raise self.failure
        for offer in (*self.installed, *self.channel):
            if offer.version == version:
                return offer
        raise NotFound(f"version not found: {version}")

    async def stranded(self, offer: Offer) -> Mapping[str, int]:
        return self.rows

    async def order(self, move: Move) -> None:
        if self.current:
            raise Refused("another one is under way")
        self.current = move
        self.moves.append(move)
        self.handed_over.set()

    async def under_way(self) -> str:
        return self.current.target if self.current else ""

    async def outcomes(self) -> Sequence[Outcome]:
        return list(self.ended)

    async def forget(self, outcome: Outcome) -> None:
        self.ended = [each for each in self.ended if each.id != outcome.id]

    async def published(self, name: str) -> Path:
        raise NotFound(f"the channel of this rack has no such file: {name}")

    async def keep(self, versions: Collection[str]) -> None:
        self.kept_versions = list(versions)

    def end(self, cause: str = "", *, origin: str = "20260101000000") -> Outcome:
        """Let the launcher be done with the move: completed, or reverted for a cause."""
        move = self.current
        assert move
        result = "reverted" if cause else "completed"
        told = Outcome(move.id, origin, move.target, move.by, move.reason, move.at, ENDED_AT, result, cause)
        self.ended.append(told)
        self.current = None
        return told
