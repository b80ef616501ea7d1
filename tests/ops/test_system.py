"""The rack itself: its versions, its log, and the wish to take it down."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from sternway.core.formation import Health, ProcessState
from sternway.ops import system
from sternway.ports import LogQuery


async def test_a_wish_to_stop_is_heard_and_recorded(still):
    await system.request_stop(still.rack, still.made("ann", "moving house"), with_apps=True)
    await still.rack.shutdown.wait()
    assert still.rack.shutdown.with_apps


async def test_the_log_of_the_rack_can_be_read(still):
    still.rack.journal.emit(logging.makeLogRecord({"msg": "one", "levelname": "INFO"}))
    still.rack.journal.emit(logging.makeLogRecord({"msg": "two", "levelname": "INFO"}))
    lines = [line.text async for line in system.logs(still.rack, LogQuery(tail=1, follow=False))]
    assert len(lines) == 1
    assert b"two" in lines[0]


async def test_processes_of_the_rack_are_its_own_and_those_of_its_router(still, monkeypatch):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    own, front = (ProcessState(name, 0, Health.HEALTHY, at, command=name) for name in ("rack-1", "front-2"))

    async def parts():
        return [front]

    monkeypatch.setattr(still.router, "processes", parts)
    rack = replace(still.rack, settings=replace(still.rack.settings, process=own))
    found = [(view.app, view.service, view.state, view.release_id) for view in await system.processes(rack)]
    assert found == [("system", "rack", own, "20260101000000"), ("system", "router", front, "20260101000000")]
