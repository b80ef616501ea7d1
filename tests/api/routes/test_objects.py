import re

import pytest

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
async def app(still):
    return await still.app()


async def chunks():
    for start in range(0, len(CONTENT), 10_000):
        yield CONTENT[start : start + 10_000]


async def test_body_is_stored_as_it_comes(app, still_client):
    stored = await still_client.post("/apps/shop/objects/tmp/a.tgz", content=chunks())
    assert stored.text == '{\n  "Url": "object://shop/tmp/a.tgz"\n}\n'
    fetched = await still_client.get("/apps/shop/objects/tmp/a.tgz")
    assert fetched.content == CONTENT
    assert fetched.headers["content-type"] == "application/octet-stream"


async def test_form_as_body_is_no_form_here(app, still_client):
    await still_client.post("/apps/shop/objects/f", data={"reason": "x"})
    assert (await still_client.get("/apps/shop/objects/f")).content == b"reason=x"


async def test_rack_chooses_a_key_if_there_is_none(app, still_client):
    answer = await still_client.post("/apps/shop/objects/", content=b"x")
    assert re.fullmatch(r"object://shop/tmp/[0-9a-f]{30}", answer.json()["Url"])


async def test_head_tells_whether_it_is_there(app, still_client):
    await still_client.post("/apps/shop/objects/a", content=b"four")
    there = await still_client.head("/apps/shop/objects/a")
    assert (there.status_code, there.content, there.headers["content-length"]) == (200, b"", "4")
    assert (await still_client.head("/apps/shop/objects/b")).status_code == 404


async def test_missing_object_is_not_found(app, still_client):
    answer = await still_client.get("/apps/shop/objects/none")
    assert (answer.status_code, answer.text) == (404, "object not found: none\n")


@pytest.mark.parametrize("key", ["a/%2e%2e/b", "a%2F..%2Fb", "a%00b", "/a", "a//b"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_key_that_is_no_plain_path_is_refused(app, still_client, method, key):
    answer = await still_client.request(method, f"/apps/shop/objects/{key}")
    assert answer.status_code == 400


async def test_unknown_app_stores_nothing(still_client):
    assert (await still_client.post("/apps/nope/objects/a", content=b"x")).status_code == 404
    assert (await still_client.get("/apps/nope/objects/a")).status_code == 404
