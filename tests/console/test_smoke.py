from tests.console.browsing import Page


async def test_every_page(running, browser):
    await running.app()
    old = await running.deployed()
    new = await running.deployed(source=b"other")
    for path in (
        "",
        "/apps/shop",
        "/apps/shop/releases",
        f"/apps/shop/releases/{old}",
        f"/apps/shop/releases/{old}/rollback",
        "/apps/shop/builds",
        "/apps/shop/environment",
        "/apps/shop/logs",
        "/rack",
        "/rack/update",
        "/rack/logs",
        "/apps/shop/promotions/1",
    ):
        answer = await browser.get(path)
        assert answer.status_code == 200, (path, answer.text[:500])
    page = await browser.visit(f"/apps/shop/releases/{old}/rollback")
    answer = await browser.send(page, "/rollback", reason="because")
    assert answer.status_code == 200
    print(answer.url, Page(answer.text).text)
    builds = await browser.visit("/apps/shop/builds")
    page = await browser.visit([l for l in builds.links if "/builds/" in l][0].removeprefix("/console"))
    print(page.text)
