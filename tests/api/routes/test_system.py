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
