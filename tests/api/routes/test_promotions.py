import asyncio

import pytest

from tests.rack import PATIENCE_S


@pytest.fixture
async def release(running):
    await running.app()
    return (await running.build()).release_id


async def test_watching_ends_with_the_promotion(running, client, release):
    started = await client.post(f"/apps/shop/releases/{release}/promote", headers={"Accept": "application/json"})
    path, known = f"/apps/shop/promotions/{started.json()['id']}", 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            promotion = (await client.get(path, params={"wait": 5, "after": known})).json()
            known = len(promotion["steps"])
            if promotion["ended"]:
                break
    assert promotion["status"] == "completed"
    assert all(step["text"] and step["at"] for step in promotion["steps"])


async def test_list_has_no_steps_and_is_newest_first(running, client, release):
    await running.promoted(release)
    await running.promoted(release)
    listed = (await client.get("/apps/shop/promotions")).json()
    assert [item["id"] for item in listed] == sorted((item["id"] for item in listed), reverse=True)
    assert [item["steps"] for item in listed] == [[], []]
    assert listed[0]["replaces"] == release


async def test_waiting_for_nothing_new_answers_as_it_stands(running, client, release):
    ended = await running.promoted(release)
    answer = await client.get(f"/apps/shop/promotions/{ended.id}")
    assert answer.json()["status"] == "completed"


async def test_query_out_of_its_bounds_is_named(running, client, release):
    for name, value in (("wait", -1), ("wait", 61), ("wait", "nan"), ("wait", "inf"), ("after", -1), ("after", "x")):
        answer = await client.get("/apps/shop/promotions/1", params={name: value})
        assert (answer.status_code, answer.text.partition(":")[0]) == (400, name)


async def test_unknown_promotion_is_not_found(running, client, release):
    assert (await client.get("/apps/shop/promotions/999")).status_code == 404
