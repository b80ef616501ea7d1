import asyncio
from datetime import UTC, datetime

from sternway.core.formation import Health, ProcessState
from sternway.ops import versions
from sternway.ops.changes import RACK
from sternway.ports import Offer


async def test_rack_is_described(still_client):
    system = (await still_client.get("/system")).json()
    assert (system["name"], system["status"], system["version"]) == ("test", "running", "20260101000000")
    assert {"rack-domain", "router-internal", "provider", "region", "type", "count"} <= set(system)


async def test_versions_are_shown_as_releases(still_client):
    assert (await still_client.get("/system/releases")).json() == []


async def test_probes_of_clients_are_answered_with_empty_lists(still_client):
    for path in ("/racks", "/machines"):
        assert (await still_client.get(path)).text == "[]\n"


async def test_password_can_be_tried(still_client):
    assert (await still_client.get("/auth")).text == "ok\n"


async def test_report_of_an_event_is_accepted(still_client):
    form = {"action": "build:create", "data": "id=B1&app=shop", "status": "success", "error": ""}
    assert (await still_client.post("/events", data=form)).text == "ok\n"


async def test_rack_is_asked_to_stop(still, still_client):
    assert (await still_client.post("/system/stop", data={"all": "true"})).text == "ok\n"
    await still.rack.shutdown.wait()
    assert still.rack.shutdown.with_apps


async def test_parameters_are_set_and_shown(still_client):
    assert (await still_client.get("/system")).json()["parameters"] == {
        "channel": "",
        "registry": "",
        "standby_memory": "",
    }
    answer = await still_client.put("/system", data={"parameters": "registry=registry.example%2Fapps"})
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert (await still_client.get("/system")).json()["parameters"]["registry"] == "registry.example/apps"


async def test_unknown_parameter_is_refused_with_the_known_ones(still_client):
    answer = await still_client.put("/system", data={"parameters": "registri=x"})
    assert answer.status_code == 400
    assert (
        answer.text
        == "parameters: there is no 'registri'\ndid you mean registry? known are: channel, registry, standby_memory\n"
    )


async def test_rack_that_is_one_machine_says_so_and_sets_nothing(still_client):
    for change in ({"count": "3"}, {"type": "large"}):
        answer = await still_client.put("/system", data={**change, "parameters": "registry=registry.example"})
        assert answer.status_code == 501
        assert answer.text.partition(":")[0] == "count, type"
    assert (await still_client.get("/system")).json()["parameters"] == {
        "channel": "",
        "registry": "",
        "standby_memory": "",
    }


NEXT = "20270101000000"


async def test_a_rack_without_its_launcher_cannot_move(still, still_client):
    still.versions.is_launched = False
    answer = await still_client.put("/system", data={"version": NEXT, "force": "false"})
    assert (answer.status_code, answer.text.splitlines()[0]) == (
        501,
        "this rack was started without its launcher",
    )


async def test_a_rack_is_updating_until_the_move_is_on_record(running, client):
    running.versions.channel = [Offer(NEXT)]
    answer = await client.put("/system", data={"version": NEXT, "force": "false", "reason": "ticket 42"})
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert (await client.get("/system")).json()["status"] == "updating"
    (tried,) = (await client.get("/system/releases?all=true")).json()
    assert (tried["id"], tried["status"], tried["reason"]) == (NEXT, "updating", "ticket 42")
    assert (await client.get("/system/releases")).json() == []
    await running.versions.handed_over.wait()
    running.versions.end()
    await recorded(running)
    assert (await client.get("/system")).json()["status"] == "running"
    (active,) = (await client.get("/system/releases")).json()
    assert (active["id"], active["status"], active["move"]) == (NEXT, "active", tried["move"])


async def test_a_turned_back_move_is_listed_with_its_cause_when_asked_for(running, client):
    running.versions.channel = [Offer(NEXT)]
    await client.put("/system", data={"version": ""})
    await running.versions.handed_over.wait()
    running.versions.end("it was not healthy in time")
    await recorded(running)
    assert (await client.get("/system/releases")).json() == []
    (tried,) = (await client.get("/system/releases?all=true")).json()
    assert (tried["id"], tried["status"], tried["cause"]) == (NEXT, "reverted", "it was not healthy in time")


async def test_a_move_can_be_looked_into_without_being_made(still, still_client):
    still.versions.channel = [Offer(NEXT, yanked="loses logs")]
    checks = (await still_client.get("/system/update", params={"version": NEXT})).json()
    problem = next(check for check in checks if not check["ok"])
    assert problem["found"] == f"version {NEXT} was yanked: loses logs"
    forced = (await still_client.get("/system/update", params={"version": NEXT, "force": "true"})).json()
    assert all(check["ok"] for check in forced)
    assert still.versions.moves == []


async def test_rows_that_an_older_version_cannot_hold_have_a_code_of_their_own(still, still_client):
    still.versions.channel = [Offer(NEXT)]
    still.versions.rows = {"logins": 2}
    headers = {"Accept": "application/json"}
    answer = await still_client.put("/system", data={"version": NEXT}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "rows-stranded")
    accepted = await still_client.put("/system", data={"version": NEXT, "accept-export": "true"})
    assert accepted.status_code == 200


async def test_parameters_and_a_version_are_not_set_together(still_client):
    answer = await still_client.put("/system", data={"version": NEXT, "parameters": "registry=registry.example"})
    assert answer.status_code == 400


async def recorded(running):
    async with asyncio.timeout(5):
        seen = running.rack.changes.version(RACK)
        while await versions.is_moving(running.rack):
            await running.rack.changes.wait(RACK, seen, 1)
            seen = running.rack.changes.version(RACK)


async def test_problem_of_the_engine_is_shown_while_it_lasts(still, still_client):
    assert (await still_client.get("/system")).json()["problems"] == []
    still.world.is_down = True
    assert (await still_client.get("/system")).json()["problems"] == ["engine: the memory engine does not answer"]


async def test_rack_whose_engine_is_down_still_tells_of_everything_else(running, client):
    await running.app()
    release = await running.deployed()
    running.world.is_down = True
    for path in ("/system", "/apps", "/apps/shop", "/apps/shop/releases", f"/apps/shop/releases/{release}"):
        assert (await client.get(path)).status_code == 200, path
    assert (await client.post("/apps/shop/releases", data={"env": "A=1"})).status_code == 200
    answer = await client.get("/apps/shop/processes")
    assert (answer.status_code, answer.text.splitlines()[0]) == (503, "the memory engine does not answer")


async def test_processes_of_apps_are_listed_when_asked_for_beside_those_of_the_rack(running, client, monkeypatch):
    await running.app()
    await running.deployed()
    own = ProcessState("rack-1", 0, Health.HEALTHY, datetime(2026, 3, 1, tzinfo=UTC), command="sternwayd")

    async def parts():
        return [own]

    monkeypatch.setattr(running.router, "processes", parts)
    (listed,) = (await client.get("/system/processes")).json()
    assert (listed["id"], listed["app"], listed["status"], listed["command"]) == (
        "rack-1",
        "system",
        "running",
        "sternwayd",
    )
    everything = (await client.get("/system/processes?all=true")).json()
    assert sorted(process["app"] for process in everything) == ["shop", "shop", "system"]
