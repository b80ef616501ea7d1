"""A rack that serves a channel: what is seen of the directory, how it is answered, and a client that follows it."""

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest

from sternway.channel.follow import Follower, fetch_root
from sternway.channel.versions import Places, RackVersions
from tests.api.server import application, client_of, serving
from tests.channel.rig import FIRST, SECOND, Rig

FILE = f"/channel/versions/{FIRST}/sternway-cli-linux-x86_64.zip"
PROGRAM = bytes(range(256)) * 100


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path / "rack")


@pytest.fixture
def channel(tmp_path, places):
    """A channel that is published straight into the directory that the rack serves."""
    places.served.parent.mkdir(parents=True)
    rig = Rig(tmp_path / "owner")
    (tmp_path / "owner" / "channel").rename(places.served)
    (tmp_path / "owner" / "channel").symlink_to(places.served)
    rig.publish(FIRST, PROGRAM)
    return rig


@pytest.fixture
def app(still, places):
    versions = RackVersions(
        places.root, FIRST, is_launched=False, address=lambda: asyncio.sleep(0, ""), stranded=lambda _: {}
    )
    return application(replace(still.rack, versions=versions))


@asynccontextmanager
async def visitor(app):
    """A client without a password, over a real connection."""
    async with serving(app) as address, httpx2.AsyncClient(base_url=f"http://{address}") as client:
        yield client


async def test_a_client_follows_the_channel_and_fetches_from_it(app, channel, tmp_path):
    async with serving(app) as address:
        url = f"http://{address}/channel"
        root = await asyncio.to_thread(fetch_root, url)
        follower = Follower(url, tmp_path / "seen", root=root)
        [artifact] = await asyncio.to_thread(follower.artifacts)
        await asyncio.to_thread(follower.fetch, artifact, tmp_path / "fetched")
        channel.publish(SECOND)
        versions = [each.version for each in await asyncio.to_thread(follower.artifacts)]
    assert (tmp_path / "fetched").read_bytes() == PROGRAM
    assert versions == [SECOND, FIRST]


async def test_the_page_needs_no_password_and_its_links_work(app, channel):
    async with visitor(app) as client:
        page = await client.get("/channel/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert FILE.removeprefix("/channel/") in page.text
        assert (await client.get("/channel/index.html")).content == page.content
        assert (await client.get("/channel", follow_redirects=True)).content == page.content
        fetched = await client.get(FILE)
    assert (fetched.content, fetched.headers["content-type"]) == (PROGRAM, "application/zip")


async def test_what_never_changes_may_be_kept_and_the_newest_list_may_not(app, channel):
    async with visitor(app) as client:
        names = (FILE, "/channel/metadata/1.root.json", "/channel/metadata/timestamp.json", "/channel/")
        answers = [await client.get(name) for name in names]
        missing = await client.get("/channel/metadata/2.root.json")
    caching = [answer.headers["cache-control"] for answer in answers]
    assert caching == ["public, max-age=31536000, immutable"] * 2 + ["no-store", "no-cache"]
    assert answers[2].headers["content-type"] == "application/json"
    assert (missing.status_code, missing.content, missing.headers["cache-control"]) == (404, b"", "no-store")


async def test_a_download_may_be_looked_at_first_and_taken_in_parts(app, channel):
    async with visitor(app) as client:
        head = await client.head(FILE)
        part = await client.get(FILE, headers={"Range": "bytes=100-199"})
        beyond = await client.get(FILE, headers={"Range": f"bytes={len(PROGRAM)}-"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PROGRAM)))
    assert (part.status_code, part.content) == (206, PROGRAM[100:200])
    assert beyond.status_code == 416


HIDDEN = (
    "metadata",
    "metadata/",
    "versions/",
    f"versions/{FIRST}",
    "metadata/.timestamp.json.new",
    "metadata/root.json",
    "../root.json",
    "%2e%2e/root.json",
    "metadata/%2e%2e/%2e%2e/root.json",
    "metadata//timestamp.json",
    "timestamp.json%00",
    "/etc/passwd",
    "secret",
    f"versions/{FIRST}/sternway-rack-linux-outside.zip",
)


async def test_nothing_but_the_files_of_a_channel_is_seen(app, channel, places):
    (places.served.parent / "root.json").write_text("{}")
    (places.served / "secret").write_text("s")
    (places.served / "metadata" / ".timestamp.json.new").write_text("{}")
    (places.served / "metadata" / "root.json").write_text("{}")
    os.symlink("/etc/passwd", places.served / "versions" / FIRST / "sternway-rack-linux-outside.zip")
    async with serving(app) as address:
        for path in HIDDEN:
            assert await get(address, f"/channel/{path}") == (404, b""), path


async def get(address, path):
    """Ask for a path as it stands, which clients for HTTP would put in order first."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(f"GET {path} HTTP/1.0\r\nHost: rack\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    return int(head.split()[1]), body


async def test_a_rack_without_a_channel_has_nothing_there(app):
    async with visitor(app) as client:
        answers = [await client.get(f"/channel/{path}") for path in ("", "index.html", "metadata/timestamp.json")]
    assert [(answer.status_code, answer.content) for answer in answers] == [(404, b"")] * 3


async def test_nothing_can_be_written_there(app, channel):
    async with client_of(app, None) as client:
        for method in ("POST", "PUT", "DELETE"):
            assert (await client.request(method, "/channel/index.html")).status_code in (404, 405)
