"""What containers use: cores from two looks at a counter, memory without what the kernel only caches.

An engine looks at its containers about once a second and answers then. Whoever asks waits for less than that, and
gets what was seen last; a look that is under way goes on, and whoever asks next has it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.containers.observed import moment
from sternway.ports import Usage

WAIT_S = 0.7
FRESH_S = 60.0
"""How long what was seen is worth telling."""
LEAST_S = 0.2
"""Two looks that are closer say nothing."""
REMEMBERED = 2000
_MIB = 1024 * 1024
_CACHED = ("total_inactive_file", "inactive_file")
"""What the kernel can take back at once, by the names of control groups of the first and second version."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How long a container had computed by a point of time, and what that came to since the one before."""

    at: datetime
    cpu_s: float
    cores: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The last look at a container, and when that was by the loop's clock."""

    sample: Sample
    memory_mib: float
    seen_s: float


class Meter:
    """Remembers the last look at each of the newest containers."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._seen: dict[str, Seen] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def measure(self, made: Mapping[str, datetime]) -> Mapping[str, Usage]:
        """Return what containers use, given when each was made; those that are not known are left out."""
        for container_id, at in made.items():
            if container_id not in self._looking:
                self._looking[container_id] = asyncio.create_task(self._look(container_id, at))
        if looking := [self._looking[container_id] for container_id in made]:
            await asyncio.wait(looking, timeout=WAIT_S)
        oldest_s = asyncio.get_running_loop().time() - FRESH_S
        known = {container_id: self._seen.get(container_id) for container_id in made}
        return {id: Usage(s.sample.cores, s.memory_mib) for id, s in known.items() if s and s.seen_s > oldest_s}

    async def _look(self, container_id: str, made_at: datetime) -> None:
        options = {"stream": "false", "one-shot": "true"}
        try:
            stats = await self._api.get(f"containers/{container_id}/stats", **options)
            memory_mib = memory(stats["memory_stats"])
            at, cpu_s = moment(stats["read"]), stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
            self._keep(container_id, Sample(made_at, 0.0, 0.0), Sample(at, cpu_s, 0.0), memory_mib)
        except (Declined, EngineUnavailable, KeyError, TypeError, ValueError):
            # One that has ended has no figures.
            self._seen.pop(container_id, None)
        finally:
            del self._looking[container_id]

    def _keep(self, container_id: str, first: Sample, now: Sample, memory_mib: float) -> None:
        before = self._seen.pop(container_id, None)
        sample = following(before.sample if before else first, now.at, now.cpu_s)
        self._seen[container_id] = Seen(sample, memory_mib, asyncio.get_running_loop().time())
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]


def following(before: Sample, at: datetime, cpu_s: float) -> Sample:
    """Return the sample after another; one that comes too soon, or from another run, changes nothing."""
    passed_s = (at - before.at).total_seconds()
    if passed_s < LEAST_S:
        return before
    return Sample(at, cpu_s, max(0.0, cpu_s - before.cpu_s) / passed_s)


def memory(stats: Mapping[str, Any]) -> float:
    """Return the MiB that are in use and could not be had back at once."""
    more = stats.get("stats") or {}
    cached = next((more[name] for name in _CACHED if name in more), 0)
    return float(max(0, stats["usage"] - cached)) / _MIB
