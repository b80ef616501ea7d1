"""Deploying from an archive and from a repository, by forms."""

import asyncio

import pytest

from sternway.core.access import Role
from sternway.core.manifest import parse
from sternway.core.promotion import PromotionOptions
from sternway.core.repository import Commit
from sternway.ops import apps, builds, deployments, promotions, releases
from tests.console.browsing import Browser, Page, front_of
from tests.console.people_of import signed_in_as
from tests.rack import MANIFEST, PATIENCE_S

EVIL = "\"'><script>alert(1)</script>"
URL = "https://git.example.com/shop.git"


@pytest.fixture
async def shop(running):
    running.builder.manifest = MANIFEST
    running.builder.services = tuple(parse(MANIFEST).manifest.services)
    return await running.app()


async def send_archive(browser, content, name="shop.tgz", **fields):
    form = (await browser.visit("/apps/shop/deploy")).form("/deploy/archive")
    files = {"file": (name, content, "application/gzip")}
    # What is no file comes first, as in the page.
    return await browser.client.post(form.action, data={**form.fields, **fields}, files=files)


async def newest(running):
    build = (await builds.list_newest(running.rack, "shop", 1))[0]
    return await running.built("shop", build.id)


async def test_archive_is_built_and_its_release_promoted(shop, running, browser):
    answer = await send_archive(browser, b"files" * 50_000, reason="first try")
    build = await newest(running)
    assert (answer.status_code, build.id in str(answer.url), build.description) == (200, True, "shop.tgz")
    promotion = await running.ended(await promoted(running, build.release_id))
    assert (await running.active(), promotion.made.reason) == (build.release_id, "first try")
    answer = await browser.get(f"/apps/shop/builds/{build.id}?then=promotion")
    assert answer.url.path == f"/console/apps/shop/promotions/{promotion.id}"


async def promoted(running, release_id):
    """Wait until somebody asked for a release to be promoted."""
    while True:
        seen = running.rack.changes.version("shop")
        found = await promotions.of_releases(running.rack, "shop", [release_id])
        if found:
            return found[release_id]
        await running.rack.changes.wait("shop", seen, 5.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no file was sent"), (b"PK\x03\x04zip", "a zip is not taken")],
)
async def test_file_that_is_none_is_refused_before_a_build_is_ordered(shop, running, browser, content, said):
    answer = await send_archive(browser, content)
    assert (answer.status_code, said in Page(answer.text).text) == (400, True)
    assert await builds.list_newest(running.rack, "shop", 1) == []


async def test_file_is_not_taken_before_the_form_was_believed(shop, running, browser, monkeypatch):
    kept = []

    async def put(*arguments):
        kept.append(arguments)

    monkeypatch.setattr(type(running.rack.objects), "put", put)
    form = (await browser.visit("/apps/shop/deploy")).form("/deploy/archive")
    files = {"file": ("shop.tgz", b"files", "application/gzip")}
    for fields, headers in (({}, {}), ({"form-token": "guessed"}, {}), (form.fields, {"Origin": "http://evil.test"})):
        answer = await browser.client.post(form.action, data=fields, files=files, headers=headers)
        assert answer.status_code == 403
    assert kept == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x", "text/plain"])
async def test_form_that_cannot_be_read_is_told(shop, browser, kind):
    answer = await browser.client.post(
        "/console/apps/shop/deploy/archive", content=b"--y\r\nnothing", headers={"Content-Type": kind}
    )
    assert answer.status_code == 400


async def test_upload_that_is_cut_off_is_not_built(shop, running, browser):
    token = (await browser.visit("/apps/shop/deploy")).form("/deploy/archive").fields["form-token"]
    field = f'--x\r\nContent-Disposition: form-data; name="form-token"\r\n\r\n{token}\r\n'
    file = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.tgz"\r\n\r\nhalf of'
    answer = await browser.client.post(
        "/console/apps/shop/deploy/archive",
        content=(field + file).encode(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status_code, await builds.list_newest(running.rack, "shop", 1)) == (400, [])


async def test_archive_that_is_too_large_is_refused(shop, running, browser, monkeypatch):
    monkeypatch.setattr(running.rack.objects, "_max_bytes", 10_000)
    answer = await send_archive(browser, b"x" * 20_000)
    assert answer.status_code == 413


async def test_repository_is_fetched_and_named_by_its_commit(shop, running, browser):
    running.repositories.commits[URL] = Commit("a" * 40, f"Faster {EVIL}")
    page = await browser.visit("/apps/shop/deploy")
    secret = "https://me:hidden-token@git.example.com/shop.git"
    answer = await browser.send(page, "/deploy/repository", repository=secret, ref="v2")
    build = await newest(running)
    assert (build.options.git_sha, build.description) == ("a" * 40, f"build {'a' * 9} Faster {EVIL}")
    assert [(address.url, ref) for address, ref in running.repositories.asked] == [(URL, "v2")]
    assert running.repositories.asked[0][0].authorization.startswith("Basic ")
    await running.ended(await promoted(running, build.release_id))
    for path in ("/apps/shop/builds", f"/apps/shop/builds/{build.id}", "/apps/shop/history", "/audit"):
        answer = await browser.get(path)
        assert ("<script>alert" in answer.text, "hidden-token" in answer.text) == (False, False)


@pytest.mark.parametrize(
    ("address", "ref"),
    [
        ("file:///etc", ""),
        ("ssh://git@example.com/shop.git", ""),
        ("--upload-pack=touch /tmp/x", ""),
        ("https://", ""),
        (f"https://example.com/{EVIL}", ""),
        (URL, "--upload-pack=x"),
        (URL, "a..b"),
    ],
)
async def test_address_that_is_not_taken_is_told_without_repeating_it(shop, running, browser, address, ref):
    page = await browser.visit("/apps/shop/deploy")
    answer = await browser.send(page, "/deploy/repository", repository=address, ref=ref)
    assert (answer.status_code, running.repositories.asked) == (400, [])
    assert "<script>alert" not in answer.text


async def test_repository_that_cannot_be_fetched_orders_no_build(shop, running, browser):
    page = await browser.visit("/apps/shop/deploy")
    answer = await browser.send(page, "/deploy/repository", repository="https://nobody.example.com/x.git")
    assert (answer.status_code, "cannot be fetched" in answer.text) == (400, True)
    assert await builds.list_newest(running.rack, "shop", 1) == []


async def test_release_that_cannot_be_promoted_is_told_on_the_page_of_its_build(shop, running, browser):
    running.builder.manifest = "environment:\n  - NEEDED\n" + MANIFEST.replace("environment:\n  - GREETING=hello\n", "")
    await send_archive(browser, b"files")
    build = await newest(running)
    async with asyncio.timeout(PATIENCE_S):
        while not ((found := await deployments.find(running.rack, build.id)) and found.problem):
            await running.rack.changes.wait("shop", running.rack.changes.version("shop"), 0.05)
    page = await browser.visit(f"/apps/shop/builds/{build.id}?then=promotion")
    assert ("NEEDED" in page.text, f"Promote {build.release_id}" in page.text) == (True, True)


async def test_release_waits_for_the_promotion_that_runs(shop, running, browser):
    first = await running.build(source=b"held")
    await running.hold(first.release_id)
    held = await promotions.promote(running.rack, "shop", first.release_id, PromotionOptions(), running.made())
    await send_archive(browser, b"files")
    second = await newest(running)
    await running.let_go(first.release_id)
    assert (await running.ended(held)).status == "completed"
    await running.ended(await promoted(running, second.release_id))
    assert await running.active() == second.release_id


async def test_name_of_a_file_is_text(shop, running, browser):
    await send_archive(browser, b"files", name="C:\\dir\\<img src=x>.tgz")
    build = await newest(running)
    answer = await browser.get(f"/apps/shop/builds/{build.id}")
    assert (build.description, "<img src=x>" in answer.text) == ("<img src=x>.tgz", False)


async def test_viewer_may_not_deploy(shop, running):
    async with Browser.of(front_of(running.rack)) as theirs:
        await signed_in_as(running, theirs, Role.VIEWER)
        assert (await theirs.get("/apps/shop/deploy")).status_code == 403
        for end in ("archive", "repository"):
            assert (await theirs.client.post(f"/console/apps/shop/deploy/{end}")).status_code == 403
        assert "/console/apps/shop/deploy" not in (await theirs.visit("/apps/shop")).links


async def test_app_that_asks_for_reasons_is_not_deployed_without_one(shop, running, browser):
    await apps.update(running.rack, "shop", running.made(), parameters={"AskReason": "yes"})
    assert (await send_archive(browser, b"files")).status_code == 400
    assert await releases.list_newest(running.rack, "shop", 1) == []
