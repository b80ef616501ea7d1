"""What an earlier rack left in the engine, or what changed there while nobody listened."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sternway.engines import health
from sternway.engines.docker import labels
from sternway.engines.docker.calls.api import Api
from sternway.engines.docker.containers.attendance import Attendance
from sternway.engines.docker.containers.observed import Container
from sternway.engines.docker.containers.picture import Picture
from sternway.engines.docker.containers.record import Record
from sternway.ports import Clock

PROBE_S = 3.0
LOOKS_AT_ONCE = 8


class Adoption:
    """Makes a picture what the engine says."""

    def __init__(self, api: Api, picture: Picture, record: Record, attendance: Attendance, clock: Clock) -> None:
        self._api = api
        self._picture = picture
        self._record = record
        self._attendance = attendance
        self._clock = clock

    async def everything(self, rack: str) -> None:
        """Adopt every container of the rack, and let go of those that are gone. Raises Declined, EngineUnavailable."""
        there = await self._there(rack)
        for gone in self._picture.container_ids() - {container.id for container in there}:
            self.let_go(gone)
        new = [each for each in there if self._picture.of_container(each.id) is None]
        healthy = await self._healthy([each for each in new if each.is_up and not each.is_paused and each.is_wanted])
        for container in there:
            process = self._picture.of_container(container.id)
            if process:
                self._attendance.take(process, container)
                process.stir()
            else:
                self._adopt(container, was_healthy=container.id in healthy)
        await asyncio.to_thread(self._record.keep, self._picture.container_ids())

    async def one(self, container_id: str) -> None:
        """Adopt a container that nobody here knows of. Raises EngineUnavailable."""
        container = await self._attendance.inspect(container_id)
        if container and self._picture.of_container(container_id) is None:
            self._adopt(container, was_healthy=False)

    def let_go(self, container_id: str) -> None:
        """Let go of a container that is gone."""
        process = self._picture.of_container(container_id)
        if process:
            self._attendance.remove(process)

    async def _there(self, rack: str) -> Sequence[Container]:
        """Return every container of the rack's formations, oldest first."""
        wanted = labels.encoded(labels.selecting(rack, kind=labels.FORMATION))
        listed: list[dict[str, Any]] = await self._api.get("containers/json", all="1", filters=wanted)
        at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(container_id: str) -> Container | None:
            async with at_once:
                return await self._attendance.inspect(container_id)

        found = await asyncio.gather(*(look(each["Id"]) for each in listed))
        return sorted((each for each in found if each), key=lambda each: each.created_at)

    def _adopt(self, container: Container, *, was_healthy: bool) -> None:
        """Attend to a container; one that is over is left as it is."""
        if not (container.is_wanted or container.is_up or container.is_pausing):
            return
        present = self._picture.find(container.berth.key)
        is_double = container.is_fresh and present is not None and present.is_filled(container.berth.slot)
        self._attendance.adopt(container, was_healthy=was_healthy, is_double=is_double)
        present = self._picture.formation(container.berth.key, container.berth.release_id)
        present.is_retired = all(each.is_stopping or each.is_frozen for each in present.processes)

    async def _healthy(self, there: Sequence[Container]) -> set[str]:
        """Return which containers are healthy although nothing says so: those are asked at once."""
        asked = [each for each in there if self._record.read(each.id).healthy_run != each.started_at]
        answers = await asyncio.gather(*(self._is_healthy(each) for each in asked))
        return {each.id for each, is_healthy in zip(asked, answers, strict=True) if is_healthy}

    async def _is_healthy(self, container: Container) -> bool:
        check, endpoint = container.berth.health, container.endpoint
        if endpoint is None:
            return (self._clock.now() - container.run_at).total_seconds() >= check.settle_s
        try:
            async with asyncio.timeout(PROBE_S):
                return not await health.ask(endpoint, check)
        except TimeoutError:
            return False
