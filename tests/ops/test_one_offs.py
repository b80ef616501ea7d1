"""Processes that run once: what they are made of, and how they show."""

import asyncio
import json

import pytest

from sternway.core.environment import Environment
from sternway.core.errors import EnvironmentMissing, NotFound, Refused
from sternway.core.event import app_chain
from sternway.ops import apps, one_offs, processes
from sternway.ops.one_offs import OneOffRequest
from sternway.ports import Usage


async def test_it_has_the_content_of_the_service_and_takes_no_requests(running):
    await running.app()
    release = await running.deployed()
    overlay = Environment({"GREETING": "once", "MORE": "yes"})
    request = OneOffRequest("web", "bin/migrate", environment=overlay, memory_mib=64)
    view = await one_offs.launch(running.rack, "shop", request, running.made())
    (formation,) = running.processes.launched
    assert (formation.command, formation.port, formation.limits.memory_mib) == ("bin/migrate", None, 64)
    assert dict(formation.environment) == {"GREETING": "once", "MORE": "yes"}
    assert (view.service, view.release_id, view.is_one_off) == ("web", release, True)


async def test_it_may_be_of_another_release(running):
    await running.app()
    await running.deployed()
    other = await running.release(env_text="GREETING=other")
    view = await one_offs.launch(running.rack, "shop", OneOffRequest("web", release_id=other.id), running.made())
    assert view.release_id == other.id
    assert running.processes.launched[0].environment["GREETING"] == "other"


async def test_without_a_release_or_service_it_says_what_to_do(running):
    await running.app()
    with pytest.raises(Refused, match="no release of shop is active"):
        await one_offs.launch(running.rack, "shop", OneOffRequest("web"), running.made())
    await running.deployed()
    with pytest.raises(NotFound, match="service not found: none"):
        await one_offs.launch(running.rack, "shop", OneOffRequest("none"), running.made())


async def test_it_is_not_started_without_what_its_release_requires(running):
    await running.app()
    build = await running.build(manifest="environment: [TOKEN]\nservices:\n  web:\n    command: run\n")
    request = OneOffRequest("web", release_id=build.release_id)
    with pytest.raises(EnvironmentMissing):
        await one_offs.launch(running.rack, "shop", request, running.made())


async def test_history_says_who_and_of_what_and_no_value(running):
    await running.app()
    await running.deployed()
    request = OneOffRequest("web", "run hidden", environment=Environment({"KEY": "hidden"}))
    await one_offs.launch(running.rack, "shop", request, running.made(by="ann", reason="ticket 42"))
    async with running.rack.store.read() as ledger:
        app = await ledger.apps.get("shop")
        events = await ledger.events.list(app_chain(app.id), 100)
    body = next(event.body for event in events if b"process:run" in event.body)
    assert json.loads(body)["actor"] == "ann"
    assert json.loads(body)["data"]["service"] == "web"
    assert b"hidden" not in body


async def test_it_is_listed_and_stopped_but_no_process_of_the_service(running):
    await running.app()
    await running.deployed()
    view = await one_offs.launch(running.rack, "shop", OneOffRequest("web"), running.made())
    listed = await processes.list_running(running.rack, "shop")
    assert [v.state.id for v in listed if v.is_one_off] == [view.state.id]
    assert [s.running for s in await processes.services(running.rack, "shop")] == [1, 1]
    await processes.restart(running.rack, "shop", "web", running.made())
    assert (await processes.get(running.rack, "shop", view.state.id)).is_one_off
    await processes.stop(running.rack, "shop", view.state.id, running.made())
    with pytest.raises(NotFound):
        await processes.get(running.rack, "shop", view.state.id)


async def test_usage_is_shown_where_it_is_known(running):
    await running.app()
    await running.deployed()
    first, second = await processes.list_running(running.rack, "shop")
    running.processes.used[first.state.id] = Usage(0.5, 12.0)
    measured = await processes.list_measured(running.rack, "shop")
    assert {view.state.id: view.usage for view in measured} == {
        first.state.id: Usage(0.5, 12.0),
        second.state.id: None,
    }


async def test_slow_engine_does_not_hold_up_a_list(running, monkeypatch):
    await running.app()
    await running.deployed()
    monkeypatch.setattr(processes, "USAGE_WAIT_S", 0.01)
    monkeypatch.setattr(running.processes, "usage", lambda _: asyncio.Event().wait())
    async with asyncio.timeout(5):
        assert [view.usage for view in await processes.list_measured(running.rack, "shop")] == [None, None]


async def test_deleted_app_takes_its_one_offs_with_it(running):
    await running.app()
    await running.deployed()
    await one_offs.launch(running.rack, "shop", OneOffRequest("web"), running.made())
    await apps.delete(running.rack, "shop", running.made())
    await running.until("shop", lambda there: not there)
    async with asyncio.timeout(5):
        while await running.processes.one_offs("shop"):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.02)
