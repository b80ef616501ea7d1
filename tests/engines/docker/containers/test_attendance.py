"""What is done for a process that never works, over an engine that answers as a real one does, only at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sternway.core.formation import FormationKey, Health
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.containers import attendance
from sternway.engines.docker.containers.attendance import Attendance
from sternway.engines.docker.containers.nursery import Nursery
from sternway.engines.docker.containers.picture import Picture
from sternway.engines.docker.containers.process import Asked
from sternway.engines.docker.containers.record import Record
from sternway.engines.docker.networks import Networks
from sternway.engines.docker.volumes import Volumes
from tests.engines.bench import DockerBench, WallClock, no_registries

RACK = "0123456789ab"
NEVER = "0001-01-01T00:00:00Z"


class DecliningApi(Api):
    """An engine with one container, which it cannot start."""

    def __init__(self) -> None:
        self.starts = 0
        self.body: dict[str, Any] | None = None
        self.policy = ""

    async def get(self, path: str, **params: str) -> Any:
        if self.body is None:
            raise Declined(404, "no such container")
        policy = self.policy or self.body["HostConfig"]["RestartPolicy"]["Name"]
        state = {"ExitCode": 127, "Error": "not found", "StartedAt": NEVER} if self.starts else {"StartedAt": NEVER}
        return {
            "Id": "c" * 64,
            "Created": "2026-01-01T00:00:00.123456789Z",
            "Config": self.body,
            "HostConfig": {"RestartPolicy": {"Name": policy}},
            "State": state,
            "NetworkSettings": {},
        }

    async def post(self, path: str, body: Any = None, *, within_s: float = 0, **params: str) -> Any:
        if path == "containers/create":
            self.body = body
            return {"Id": "c" * 64}
        if path.endswith("/start"):
            self.starts += 1
            raise Declined(400, "not found")
        if path.endswith("/update"):
            self.policy = body["RestartPolicy"]["Name"]
        return None

    async def delete(self, path: str, **params: str) -> None:
        self.body = None


class LeapingClock(WallClock):
    """Whoever sleeps wakes at once, later; how long each slept is kept."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)


@pytest.fixture
def api() -> DecliningApi:
    return DecliningApi()


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def picture() -> Picture:
    return Picture()


@pytest.fixture
async def attending(api: Api, clock: LeapingClock, picture: Picture, tmp_path: Path) -> AsyncIterator[Attendance]:
    images = Images(Connection("unix:///nowhere"), RACK, no_registries)
    nursery = Nursery(api, RACK, images, Networks(api, RACK), Volumes(api, RACK, tmp_path))
    record = Record(tmp_path)
    record.open()
    attending = Attendance(api, nursery, picture, record, clock=clock)
    attending.in_step.set()
    yield attending
    await attending.tasks.close()


async def until(picture: Picture, is_so: Any) -> None:
    changed = asyncio.Event()
    picture.subscribe(lambda _: changed.set())
    async with asyncio.timeout(10):
        while not is_so():
            await changed.wait()
            changed.clear()


async def test_fifty_starts_in_a_row_that_fail_are_all_counted_and_leave_nothing(
    attending: Attendance, picture: Picture, api: DecliningApi, clock: LeapingClock
):
    wanted = DockerBench("", Path(), "sha256:" + "0" * 64, RACK).formation()
    attending.begin(wanted, 0, "RAAAAAAAAAA")
    (process,) = picture.processes()
    await until(picture, lambda: process.exits >= 50)
    assert (api.starts, process.state().health) == (50, Health.FAILED)
    assert process.state().detail == "exited with code 127: not found"
    present = picture.find(wanted.key)
    assert present
    present.is_retired = True
    attending.ask(process, Asked.STOP)
    await until(picture, lambda: not picture.apps())
    assert api.body is None


async def test_pauses_between_starts_that_fail_grow_up_to_a_minute(
    attending: Attendance, picture: Picture, clock: LeapingClock
):
    wanted = DockerBench("", Path(), "sha256:" + "0" * 64, RACK).formation()
    attending.begin(wanted, 0, "RAAAAAAAAAA")
    (process,) = picture.processes()
    await until(picture, lambda: process.exits >= 20)
    assert clock.slept[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert max(clock.slept) == attendance.LONGEST_PAUSE_S
    assert process.berth.key == FormationKey("shop", "worker", "one")
