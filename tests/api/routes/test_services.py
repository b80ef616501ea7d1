import pytest


@pytest.fixture
async def release(running):
    await running.app()
    return await running.deployed()


async def test_services_are_those_of_the_active_release(running, client, release):
    web, worker = (await client.get("/apps/shop/services")).json()
    assert (web["name"], web["count"], web["ports"]) == (
        "web",
        1,
        [{"balancer": 80, "container": 3000, "certificate": ""}],
    )
    assert web["domain"].endswith("localhost")
    assert (worker["name"], worker["domain"], worker["ports"]) == ("worker", "", [])


async def test_app_without_release_has_no_services(still, still_client):
    await still.app()
    assert (await still_client.get("/apps/shop/services")).text == "[]\n"


async def test_count_can_be_set(running, client, release):
    assert (await client.put("/apps/shop/services/web", data={"count": "3"})).text == "ok\n"
    assert (await client.get("/apps/shop/services")).json()[0]["count"] == 3


async def test_what_cannot_be_set_is_named(running, client, release):
    for form in ({"cpu": "256"}, {"count": "-1"}, {"count": "1001"}, {"count": "many"}, {}):
        answer = await client.put("/apps/shop/services/web", data=form)
        assert (answer.status_code, answer.text.partition(":")[0]) == (400, next(iter(form), "count"))


async def test_unknown_service_is_not_found(running, client, release):
    assert (await client.put("/apps/shop/services/none", data={"count": "1"})).status_code == 404
    assert (await client.post("/apps/shop/services/none/restart")).status_code == 404


async def test_service_can_be_restarted(running, client, release):
    assert (await client.post("/apps/shop/services/web/restart")).text == "ok\n"
