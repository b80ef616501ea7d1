import pytest


@pytest.fixture
async def release(running):
    await running.app()
    return await running.deployed()


async def test_processes_are_listed_by_service(running, client, release):
    listed = (await client.get("/apps/shop/processes")).json()
    assert [(p["name"], p["status"], p["release"], p["app"]) for p in listed] == [
        ("web", "running", release, "shop"),
        ("worker", "running", release, "shop"),
    ]


async def test_list_can_be_narrowed(running, client, release):
    for query, names in (("service=web", ["web"]), ("service=", ["web", "worker"]), ("release=RAAAAAAAAAA", [])):
        assert [p["name"] for p in (await client.get(f"/apps/shop/processes?{query}")).json()] == names


async def test_one_process_is_found_by_its_id(running, client, release):
    first = (await client.get("/apps/shop/processes")).json()[0]
    assert (await client.get(f"/apps/shop/processes/{first['id']}")).json() == first
    assert (await client.get("/apps/shop/processes/none")).status_code == 404


async def test_process_can_be_stopped(running, client, release):
    first = (await client.get("/apps/shop/processes")).json()[0]
    answer = await client.delete(f"/apps/shop/processes/{first['id']}")
    assert answer.text == "ok\n"


async def test_all_processes_of_the_rack_are_listed_on_demand(running, client, release):
    assert (await client.get("/system/processes")).json() == []
    assert len((await client.get("/system/processes?all=true")).json()) == 2
