"""Containers that are over: they stay a while, so that what they printed can be read, and are then removed."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sternway.core.errors import Conflict
from sternway.engines.docker import labels
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.containers import observed

KEPT = 20
KEPT_FOR = timedelta(days=7)
STOP_S = 10
"""What a process that runs once gets for its end when its app is deleted."""
_RUNNING = ("running", "restarting", "paused")
_OVER = ("exited", "dead")


class Retired:
    """The containers of one rack that are over. Which of those that rest are wanted, only the caller knows."""

    def __init__(self, api: Api, rack: str) -> None:
        self._api = api
        self._rack = rack
        self._sweeping = asyncio.Lock()

    async def sweep(self, app: str, now: datetime, spare: Collection[str]) -> None:
        """Remove the retired containers of an app that are too many or too old. Raises EngineUnavailable."""
        async with self._sweeping:
            found = await self._list(app, kind=labels.FORMATION)
            over = [each["Id"] for each in found if each["State"] in _OVER and each["Id"] not in spare]
            ended = sorted([each for each in [await self._ended(id) for id in over] if each], reverse=True)
            for number, (ended_at, container_id) in enumerate(ended):
                if number >= KEPT or now - ended_at > KEPT_FOR:
                    await self.remove(container_id)

    async def forget(self, app: str) -> None:
        """Remove every container of an app; those that run once are stopped. Raises Conflict while another runs."""
        await asyncio.gather(*(self._stop(each["Id"]) for each in await self._running(app, kind=labels.ONE_OFF)))
        if await self._running(app):
            raise Conflict(f"processes of {app} still run", hint="wait until they are gone")
        for each in await self._list(app):
            await self.remove(each["Id"])

    async def _running(self, app: str, **more: str) -> list[Mapping[str, Any]]:
        return [each for each in await self._list(app, **more) if each["State"] in _RUNNING]

    async def _stop(self, container_id: str) -> None:
        with contextlib.suppress(Declined):
            await self._api.post(f"containers/{container_id}/stop", within_s=2 * STOP_S, t=str(STOP_S))

    async def remove(self, container_id: str) -> None:
        """Remove a container, with the volumes that nobody named; one that is gone is no error."""
        with contextlib.suppress(Declined):
            await self._api.delete(f"containers/{container_id}", v="1", force="1")

    async def _list(self, app: str, **more: str) -> list[Mapping[str, Any]]:
        wanted = labels.encoded(labels.selecting(self._rack, app=app, **more))
        found: list[Mapping[str, Any]] = await self._api.get("containers/json", all="1", filters=wanted)
        return found

    async def _ended(self, container_id: str) -> tuple[datetime, str] | None:
        """Return when a container ended, or None if it is not there or runs after all."""
        try:
            state = (await self._api.get(f"containers/{container_id}/json"))["State"]
        except Declined:
            return None
        if state["Status"] not in _OVER:
            return None
        return observed.moment(state["FinishedAt"]), container_id
