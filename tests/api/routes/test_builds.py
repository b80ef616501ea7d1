import asyncio

import pytest
from websockets.asyncio.client import connect

from tests.api.server import application, serving
from tests.rack import MANIFEST


@pytest.fixture
async def url(running, client):
    await running.app()
    running.builder.manifest = MANIFEST
    return (await client.post("/apps/shop/objects/tmp/a.tgz", content=b"archive")).json()["Url"]


async def test_build_runs_and_makes_a_release(running, client, url):
    ordered = await client.post("/apps/shop/builds", data={"url": url, "description": "first", "git-sha": "abc"})
    assert ordered.status_code == 200
    assert ordered.json()["status"] == "running"
    await running.built("shop", ordered.json()["id"])
    build = (await client.get(f"/apps/shop/builds/{ordered.json()['id']}")).json()
    assert (build["status"], build["description"], build["git-sha"]) == ("complete", "first", "abc")
    assert build["release"].startswith("R")
    assert (await client.get("/apps/shop/builds?limit=1")).json() == [build]


async def test_build_that_has_yet_to_start_counts_as_running(still, still_client):
    await still.app()
    url = (await still_client.post("/apps/shop/objects/a", content=b"x")).json()["Url"]
    await still_client.post("/apps/shop/builds", data={"url": url})
    assert [build["status"] for build in (await still_client.get("/apps/shop/builds")).json()] == ["running"]


async def test_build_without_a_source_names_the_field(still, still_client):
    await still.app()
    external = {"url": "object://shop/a", "external": "true"}
    for form, field in (({}, "url"), ({"url": "object://other/a"}, "url"), (external, "external")):
        answer = await still_client.post("/apps/shop/builds", data=form)
        assert (answer.status_code, answer.text.partition(":")[0]) == (400, field)


async def test_unknown_build_is_not_found(still, still_client):
    await still.app()
    for build in ("BAAAAAAAAAA", "%00", "a%20b", "import"):
        answer = await still_client.get(f"/apps/shop/builds/{build}")
        assert (answer.status_code, answer.text[:15]) == (404, "build not found")


async def test_limit_that_is_none_names_the_field(still, still_client):
    await still.app()
    for limit in ("0", "-1", "x", "1001", "9" * 30):
        answer = await still_client.get(f"/apps/shop/builds?limit={limit}")
        assert (answer.status_code, answer.text[:7]) == (400, "limit: ")


async def read_log(address: str, build_id: str) -> bytes:
    headers = {"Authorization": "Basic Y29udm94OnNlY3JldA=="}
    found = b""
    async with (
        asyncio.timeout(10),
        connect(f"ws://{address}/apps/shop/builds/{build_id}/logs", additional_headers=headers) as socket,
    ):
        while chunk := await socket.recv(decode=False):
            found += chunk
    return found


async def test_log_of_a_build_ends_and_can_be_read_again(running, client, url):
    async with serving(application(running.rack)) as address:
        ordered = (await client.post("/apps/shop/builds", data={"url": url})).json()
        first = await read_log(address, ordered["id"])
        second = await read_log(address, ordered["id"])
        status = (await client.get(f"/apps/shop/builds/{ordered['id']}")).json()["status"]
    assert first == second != b""
    assert status == "complete"


async def test_log_of_an_unknown_build_is_an_error_in_the_stream(running, client, url):
    async with serving(application(running.rack)) as address:
        assert await read_log(address, "BAAAAAAAAAA") == b"ERROR: build not found: BAAAAAAAAAA\n"


async def test_cancelled_build_has_failed_and_says_by_whom(still, still_client):
    await still.app()
    url = (await still_client.post("/apps/shop/objects/a", content=b"x")).json()["Url"]
    build = (await still_client.post("/apps/shop/builds", data={"url": url})).json()["id"]
    headers = {"X-Convox-Actor": "bob"}
    path = f"/apps/shop/builds/{build}"
    cancelled = await still_client.request("DELETE", path, data={"reason": "wrong branch"}, headers=headers)
    assert cancelled.status_code == 200
    assert (cancelled.json()["status"], cancelled.json()["reason"]) == ("failed", "cancelled by bob: wrong branch")
    assert (await still_client.get(path)).json() == cancelled.json()
    assert (await still_client.delete(path)).json() == cancelled.json()


async def test_build_that_has_ended_or_is_not_there_cannot_be_cancelled(running, client, url):
    build = (await client.post("/apps/shop/builds", data={"url": url})).json()["id"]
    await running.built("shop", build)
    refused = await client.delete(f"/apps/shop/builds/{build}")
    assert (refused.status_code, refused.text.splitlines()[0]) == (403, f"build {build} is complete")
    assert (await client.delete("/apps/shop/builds/BAAAAAAAAAA")).status_code == 404
