from datetime import UTC, datetime

from sternway.core.formation import Health, ProcessState


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
    assert (await still_client.get("/system")).json()["parameters"] == {"registry": ""}
    answer = await still_client.put("/system", data={"parameters": "registry=registry.example%2Fapps"})
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert (await still_client.get("/system")).json()["parameters"] == {"registry": "registry.example/apps"}


async def test_unknown_parameter_is_refused_with_the_known_ones(still_client):
    answer = await still_client.put("/system", data={"parameters": "registri=x"})
    assert answer.status_code == 400
    assert answer.text == "parameters: there is no 'registri'\ndid you mean registry? known are: registry\n"


async def test_rack_that_cannot_move_says_so_and_sets_nothing(still_client):
    for change in ({"version": "20270101000000", "force": "false"}, {"count": "3"}, {"type": "large"}):
        answer = await still_client.put("/system", data={**change, "parameters": "registry=registry.example"})
        assert answer.status_code == 501
        assert answer.text.partition(":")[0] in ("version", "count, type")
    assert (await still_client.get("/system")).json()["parameters"] == {"registry": ""}


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
