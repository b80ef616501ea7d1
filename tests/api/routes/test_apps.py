from tests.api.server import application, client_of


async def test_new_app_is_answered_as_indented_json_with_a_newline(still_client):
    answer = await still_client.post("/apps", data={"name": "shop", "generation": "2"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == (
        '{\n  "name": "shop",\n  "status": "running",\n  "release": "",\n  "generation": "2",\n'
        '  "locked": false,\n  "router": "localhost",\n  "parameters": {\n    "Standby": "10m"\n  }\n}\n'
    )


async def test_app_needs_a_name_in_the_form(still_client):
    answer = await still_client.post("/apps", data={"generation": "2"})
    assert answer.status_code == 400
    assert answer.text.startswith("name: ")


async def test_reserved_name_is_refused(still_client):
    assert (await still_client.post("/apps", data={"name": "rack"})).status_code == 400


async def test_second_app_of_a_name_is_a_conflict(still_client):
    await still_client.post("/apps", data={"name": "shop"})
    assert (await still_client.post("/apps", data={"name": "shop"})).status_code == 409


async def test_apps_are_listed_by_name(still_client):
    for name in ("b", "a"):
        await still_client.post("/apps", data={"name": name})
    assert [app["name"] for app in (await still_client.get("/apps")).json()] == ["a", "b"]


async def test_missing_app_is_not_found_in_the_words_that_clients_search(still_client):
    answer = await still_client.get("/apps/nope")
    assert answer.status_code == 404
    assert "app not found: nope" in answer.text


async def test_name_that_no_app_can_have_is_not_found(still_client):
    for path in ("/apps/No%20App", "/apps/a%00b", "/apps/%C3%A4"):
        answer = await still_client.get(path)
        assert (answer.status_code, answer.text[:13]) == (404, "app not found")


async def test_locked_app_is_not_deleted(still_client):
    await still_client.post("/apps", data={"name": "shop"})
    assert (await still_client.put("/apps/shop", data={"lock": "true"})).text == "ok\n"
    assert (await still_client.get("/apps/shop")).json()["locked"] is True
    refused = await still_client.delete("/apps/shop")
    assert (refused.status_code, refused.text.splitlines()[0]) == (409, "app is locked: shop")
    await still_client.put("/apps/shop", data={"lock": "anything but true"})
    assert (await still_client.delete("/apps/shop")).text == "ok\n"


async def test_parameters_travel_as_one_value_and_are_merged(still_client):
    await still_client.post("/apps", data={"name": "shop"})
    await still_client.put("/apps/shop", data={"parameters": "A=1&B=a%26b"})
    await still_client.put("/apps/shop", data={"parameters": "A=2&C="})
    app = (await still_client.get("/apps/shop")).json()
    assert app["parameters"] == {"A": "2", "B": "a&b", "C": "", "Standby": "10m"}
    assert app["locked"] is False


async def test_cancel_is_refused_while_nothing_is_updating(still_client):
    await still_client.post("/apps", data={"name": "shop"})
    answer = await still_client.post("/apps/shop/cancel", headers={"Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.text.splitlines()[0]) == (403, "app is not updating")


async def test_app_shows_its_status_and_release(running, client):
    await running.app()
    release = await running.deployed()
    app = (await client.get("/apps/shop?")).json()
    assert (app["status"], app["release"]) == ("running", release)


async def test_actor_and_reason_reach_history(still):
    async with client_of(application(still.rack)) as client:
        await client.post("/apps", data={"name": "shop", "reason": "a new shop"}, headers={"X-Convox-Actor": "ann"})
    async with still.rack.store.read() as ledger:
        app = await ledger.apps.get("shop")
    assert (app.made.by, app.made.reason) == ("ann", "a new shop")


async def test_delete_may_carry_a_form_with_the_reason(still, still_client):
    await still.app()
    answer = await still_client.request("DELETE", "/apps/shop", data={"reason": "closed"})
    assert answer.text == "ok\n"


async def test_app_has_no_budget_and_no_configs(still, still_client):
    await still.app()
    budget = await still_client.get("/apps/shop/budget")
    assert budget.text == '{\n  "config": null,\n  "state": null\n}\n'
    config = await still_client.get("/apps/shop/configs/cli-env-mask")
    assert (config.status_code, config.text) == (404, "app config not found: cli-env-mask\n")


async def test_parameter_that_means_something_is_checked(still_client):
    await still_client.post("/apps", data={"name": "shop"})
    answer = await still_client.put("/apps/shop", data={"parameters": "Standby=soon"})
    assert answer.status_code == 400
    assert answer.text.startswith("parameters: Standby: 'soon' is not a duration, a count of up to 20, or off\nfor ex")
    await still_client.put("/apps/shop", data={"parameters": "Standby=1h"})
    await still_client.put("/apps/shop", data={"parameters": "Standby="})
    assert (await still_client.get("/apps/shop")).json()["parameters"] == {"Standby": "10m"}
