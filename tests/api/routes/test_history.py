"""Going back over the API: previews, differences, history, restoring."""

import pytest

from sternway.ops import promotions, releases


@pytest.fixture
async def two(running):
    await running.app()
    first = await running.deployed()
    second = (await running.release(env_text="SECRET=hidden")).id
    await running.promoted(second)
    return first, second


async def test_a_preview_says_whether_it_would_work_and_why(client, two):
    answer = await client.get(f"/apps/shop/releases/{two[0]}/preview")
    body = answer.json()
    assert (answer.status_code, body["works"], body["release"]) == (200, True, two[0])
    assert {check["result"] for check in body["checks"]} == {"ok"}
    assert body["diff"]["environment"] == [{"name": "SECRET", "kind": "removed", "before": "", "after": ""}]
    assert "hidden" not in answer.text


async def test_a_preview_of_a_part_and_with_settings(client, two):
    answer = await client.get(f"/apps/shop/releases/{two[0]}/preview?only=env&settings=true")
    assert answer.json()["description"] == f"environment of {two[0]}, build of {two[1]}"
    assert (await client.get(f"/apps/shop/releases/{two[0]}/preview?only=half")).status_code == 400


async def test_a_preview_of_what_is_not_there_is_404(client, two):
    assert (await client.get("/apps/shop/releases/RNONE/preview")).status_code == 404
    assert (await client.get(f"/apps/none/releases/{two[0]}/preview")).status_code == 404


async def test_the_difference_never_has_values_unless_they_are_asked_for_by_a_change(client, two):
    plain = await client.get("/apps/shop/diff?reveal=true")
    assert plain.json()["before"]["release"] == two[0]
    assert "hidden" not in plain.text
    shown = await client.post("/apps/shop/diff", data={"reason": "incident"})
    assert shown.json()["environment"] == [{"name": "SECRET", "kind": "added", "before": "", "after": "hidden"}]
    (seen, *_) = (await client.get("/apps/shop/history")).json()
    assert (seen["subject"], seen["reason"]) == ("other", "incident")


async def test_two_releases_are_compared_in_either_direction(client, two):
    body = (await client.get(f"/apps/shop/diff?a={two[1]}&b={two[0]}")).json()
    assert body["environment"][0]["kind"] == "removed"
    assert (await client.get("/apps/shop/diff?a=../x")).status_code == 404


async def test_history_has_who_why_and_what_was_active(client, two):
    newest, *_ = (await client.get("/apps/shop/history?limit=3")).json()
    assert (newest["release"], newest["status"], newest["active"], newest["author"]) == (
        two[1],
        "completed",
        True,
        "ann",
    )
    assert newest["since"] > newest["at"]
    assert (await client.get("/apps/shop/history?limit=0")).status_code == 400
    assert (await client.get("/history")).json()[0]["text"] == "app shop created"


async def test_a_point_in_time_is_found(client, two):
    assert (await client.get("/apps/shop/history/point?to=previous")).json()["release"] == two[0]
    answer = await client.get("/apps/shop/history/point?to=2001-01-01T00:00:00%2B00:00")
    assert answer.status_code == 404
    assert (await client.get("/apps/shop/history/point?to=2001-01-01")).status_code == 400


async def test_a_rollback_takes_a_part_only(client, running, two):
    answer = await client.post(f"/apps/shop/releases/{two[0]}/rollback", data={"only": "env", "reason": "bad"})
    assert answer.json()["description"] == f"environment of {two[0]}, build of {two[1]}"
    (promotion, *_) = await promotions.list_newest(running.rack, "shop")
    await running.ended(promotion)
    found = await releases.get(running.rack, "shop", answer.json()["id"])
    assert dict(found.environment) == {}


async def test_a_deleted_app_is_restored(client, running, two):
    await client.delete("/apps/shop")
    await running.gone()
    answer = await client.post("/apps/shop/restore", data={"reason": "oops"})
    body = answer.json()
    assert (answer.status_code, body["app"], body["release"]) == (200, "shop", two[1])
    assert body["promotion"] > 0
    assert (await client.post("/apps/shop/restore")).status_code == 409
    assert (await client.post("/apps/none/restore")).status_code == 404


async def test_a_rollback_without_more_is_whole(client, two):
    answer = await client.post(f"/apps/shop/releases/{two[0]}/rollback")
    assert answer.json()["copy-of"] == two[0]
