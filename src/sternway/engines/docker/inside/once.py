"""One-off processes as containers: found by their labels, and removed some time after they ended."""

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sternway.core.formation import Health, ProcessState
from sternway.engines.docker import labels
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.containers import creation
from sternway.engines.docker.containers.observed import moment
from sternway.engines.docker.containers.process import SHORT_ID
from sternway.ports import OneOff

KEPT_FOR = timedelta(hours=1)
_OVER = ("exited", "dead")
_COULD_NOT_BEGIN = 128
"""The exit code of a container that has none, since it never began."""


class Shelf:
    """The one-off containers of a rack."""

    def __init__(self, api: Api, rack: str) -> None:
        self._api = api
        self._rack = rack

    async def of(self, app: str) -> list[Mapping[str, Any]]:
        """Return those of an app as the engine describes each, by the time that they were made."""
        found = await self._list(app=app)
        described = [await self._describe(each["Id"]) for each in found]
        return sorted([each for each in described if each], key=lambda each: str(each["Created"]))

    async def sweep(self, now: datetime) -> None:
        """Remove those of all apps that ended, or were made and never started, long enough ago."""
        for each in await self._list():
            found = await self._describe(each["Id"]) if each["State"] in (*_OVER, "created") else None
            if found and now - _over_at(found) > KEPT_FOR:
                await self.remove(found["Id"])

    async def remove(self, container_id: str) -> None:
        """Remove a container, with the volumes that nobody named; one that is gone is no error."""
        with contextlib.suppress(Declined):
            await self._api.delete(f"containers/{container_id}", v="1", force="1")

    async def _list(self, **more: str) -> list[Mapping[str, Any]]:
        wanted = labels.encoded(labels.selecting(self._rack, kind=labels.ONE_OFF, **more))
        found: list[Mapping[str, Any]] = await self._api.get("containers/json", all="1", filters=wanted)
        return found

    async def _describe(self, container_id: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = await self._api.get(f"containers/{container_id}/json")
        except Declined:
            return None
        return found


def read(found: Mapping[str, Any], *, is_stopping: bool) -> OneOff | None:
    """Return a container as a one-off; None for one whose labels do not say what it is."""
    berth = creation.read_labels(found["Config"].get("Labels") or {})
    if berth is None:
        return None
    exit_code = _exit_code(found["State"])
    state = ProcessState(
        id=found["Id"][:SHORT_ID],
        slot=0,
        health=Health.STOPPING if is_stopping else _health(found["State"], exit_code),
        started_at=_began_at(found),
        detail=" ".join(str(found["State"].get("Error") or "").split()),
        command=berth.command,
    )
    code = None if is_stopping else exit_code
    return OneOff(berth.key.service, berth.release_id, state, code, berth.key.fingerprint)


def _exit_code(state: Mapping[str, Any]) -> int | None:
    if state["Status"] in _OVER:
        return int(state["ExitCode"])
    return int(state["ExitCode"] or _COULD_NOT_BEGIN) if state.get("Error") else None


def _health(state: Mapping[str, Any], exit_code: int | None) -> Health:
    if exit_code is not None:
        return Health.FAILED if exit_code else Health.STOPPING
    if state.get("Running"):
        return Health.HEALTHY
    return Health.STARTING if state["Status"] == "created" else Health.STOPPING


def _began_at(found: Mapping[str, Any]) -> datetime:
    started = str(found["State"].get("StartedAt") or "")
    return moment(found["Created"] if not started or started.startswith("0001-") else started)


def _over_at(found: Mapping[str, Any]) -> datetime:
    ended = str(found["State"].get("FinishedAt") or "")
    return moment(found["Created"] if not ended or ended.startswith("0001-") else ended)
