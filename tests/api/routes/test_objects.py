import asyncio
import re
from dataclasses import replace

import pytest

from tests.api.server import application, serving

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


async def test_key_that_is_no_plain_path_is_refused(app, still_client):
    for key in ("a/%2e%2e/b", "a%2F..%2Fb", "a%00b", "/a", "a//b"):
        for method in ("GET", "POST", "HEAD"):
            answer = await still_client.request(method, f"/apps/shop/objects/{key}")
            assert answer.status_code == 400, f"{method} {key}"


async def test_upload_that_breaks_off_leaves_nothing_and_is_no_fault(app, still, still_client, caplog):
    began = asyncio.Event()

    class Objects:
        async def put(self, app, key, chunks):
            began.set()
            return await still.rack.objects.put(app, key, chunks)

    served = application(replace(still.rack, objects=Objects()))
    async with serving(served) as address:
        _, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(
            b"POST /apps/shop/objects/a HTTP/1.1\r\nHost: rack\r\nAuthorization: Basic Y29udm94OnNlY3JldA==\r\n"
            b"Content-Length: 1000\r\n\r\npart"
        )
        await asyncio.wait_for(began.wait(), 5)
        writer.close()
        await writer.wait_closed()
    assert (await still_client.get("/apps/shop/objects/a")).status_code == 404
    assert "ERROR" not in caplog.text


async def test_unknown_app_stores_nothing(still_client):
    assert (await still_client.post("/apps/nope/objects/a", content=b"x")).status_code == 404
    assert (await still_client.get("/apps/nope/objects/a")).status_code == 404
