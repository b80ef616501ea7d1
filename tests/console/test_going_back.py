"""Going back without JavaScript: by links, forms and redirects."""

from datetime import timedelta

import pytest

from sternway.ops import apps, builds, processes, promotions, releases
from tests.console.browsing import Page


@pytest.fixture
async def two(running):
    """Two releases, the newer one active."""
    await running.app()
    return await running.deployed(), await running.deployed(source=b"other")


async def test_each_older_release_has_a_rollback_button_and_the_active_one_has_none(running, browser, two):
    page = await browser.visit("/apps/shop/releases")
    assert [link for link in page.links if link.endswith("/rollback")] == [
        f"/console/apps/shop/releases/{two[0]}/rollback"
    ]


async def test_preview_says_what_differs_and_changes_nothing(running, browser, two):
    page = await browser.visit(f"/apps/shop/releases/{two[0]}/rollback")
    assert {"What changes", "Checks", "What does not come back"} <= {text.strip() for text in page.texts}
    assert await running.active() == two[1]


async def test_rollback_puts_a_copy_on_top_and_promotes_it_with_the_reason(running, browser, two):
    page = await browser.visit(f"/apps/shop/releases/{two[0]}/rollback")
    answer = await browser.send(page, "/rollback", reason="it is slow")
    assert answer.url.path.startswith("/console/apps/shop/promotions/")
    await running.ended(await latest(running))
    rows = [
        found["id"] for tag, found in (await browser.visit("/apps/shop/releases")).tags if tag == "tr" and "id" in found
    ]
    assert rows[1:] == [two[1], two[0]]
    assert await running.active() == rows[0]
    assert "it is slow" in (await browser.visit("/apps/shop/releases")).text


async def test_undo_goes_back_to_what_was_active_before(running, browser, two):
    await browser.send(await browser.visit(f"/apps/shop/releases/{two[0]}/rollback"), "/rollback")
    done = await running.ended(await latest(running))
    page = await browser.visit(f"/apps/shop/promotions/{done.id}")
    await browser.send(page, "/undo")
    undone = await running.ended(await latest(running))
    page = await browser.visit("/apps/shop/releases")
    assert (undone.made.reason, f"rollback to {two[1]}" in page.text) == (f"undo of {done.release_id}", True)


async def test_only_the_newest_promotion_can_be_undone(running, browser, two):
    page = await browser.visit("/apps/shop/promotions/1")
    assert [form for form in page.forms if form.action.endswith("/undo")] == []


async def test_release_that_fails_is_told_with_its_cause_and_what_stayed_active(running, browser, two):
    build = await running.build(source=b"broken")
    await running.fail(build.release_id, "it cannot start")
    promotion = await running.promoted(build.release_id)
    page = await browser.visit(f"/apps/shop/promotions/{promotion.id}")
    assert ("it cannot start" in page.text, f"{two[1]} stayed active" in page.text) == (True, True)
    listed = await browser.visit("/apps/shop/releases")
    assert "Reverted" in listed.text


async def test_promotion_that_runs_can_be_cancelled(running, browser, two):
    build = await running.build(source=b"held")
    await running.hold(build.release_id)
    page = await browser.visit(f"/apps/shop/releases/{build.release_id}/promote")
    answer = await browser.send(page, "/promote")
    await browser.send(Page(answer.text), "/cancel")
    assert (await running.ended(await latest(running))).status == "reverted"
    assert await running.active() == two[1]


async def test_release_of_which_nothing_is_left_has_no_button_and_says_why(running, browser, two):
    build_id = (await releases.get(running.rack, "shop", two[0])).build_id or ""
    running.builder.gone |= set((await builds.get(running.rack, "shop", build_id)).artifacts.values())
    page = await browser.visit("/apps/shop/releases")
    assert ([link for link in page.links if link.endswith("/rollback")], "Gone" in page.text) == ([], True)
    page = await browser.visit(f"/apps/shop/releases/{two[0]}/rollback")
    assert ("Problem" in page.text, "cannot be rolled back to" in page.text) == (True, True)


async def test_only_the_environment_comes_back_where_that_is_asked_for(running, browser):
    await running.app()
    first = await running.release(env_text="GREETING=old")
    await running.deployed()
    second = await running.release(env_text="GREETING=new")
    await running.promoted(second.id)
    page = await browser.visit(f"/apps/shop/releases/{first.id}/rollback")
    await browser.client.post(page.form("/rollback").action, data=page.form("/rollback").fields | {"part": "env"})
    await running.ended(await latest(running))
    active = await releases.get(running.rack, "shop", await running.active() or "")
    assert (active.environment["GREETING"], active.build_id) == ("old", second.build_id)


async def test_part_that_is_none_is_refused(running, browser, two):
    page = await browser.visit(f"/apps/shop/releases/{two[0]}/rollback")
    assert (await browser.send(page, "/rollback", part="half")).status_code == 400


async def test_time_in_history_leads_to_its_release(running, browser, two):
    later = (running.rack.clock.now() + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
    answer = await browser.get(f"/apps/shop/history/at?at={later}")
    assert answer.url.path == f"/console/apps/shop/releases/{two[1]}/rollback"
    assert (await browser.get("/apps/shop/history/at?at=never")).status_code == 400


async def test_environment_is_changed_over_a_review_and_never_shown(running, browser, two):
    await running.release(env_text="A=hidden-value\nB=2")
    page = await browser.visit("/apps/shop/environment")
    answer = await browser.client.post(
        page.form("/review").action, data=page.form("/review").fields | {"set": "C=3", "remove": "B"}
    )
    review = Page(answer.text)
    assert "hidden-value" not in answer.text
    assert ("add C" in review.text, "remove B" in review.text) == (True, True)
    answer = await browser.send(review, "/environment", reason="why not")
    assert answer.url.path.endswith("/promote")
    assert "hidden-value" not in answer.text


async def test_environment_that_somebody_else_changed_meanwhile_is_not_overwritten(running, browser, two):
    page = await browser.visit("/apps/shop/environment")
    review = Page((await browser.send(page, "/review", set="A=1")).text)
    await running.release(env_text="A=2")
    answer = await browser.send(review, "/environment")
    assert (answer.status_code, "meanwhile" in answer.text) == (409, True)


async def test_change_begins_at_the_newest_release_also_if_it_was_reverted_and_says_so(running, browser, two):
    build = await running.build(source=b"broken")
    await running.fail(build.release_id, "it cannot start")
    await running.promoted(build.release_id)
    page = await browser.visit("/apps/shop/environment")
    assert f"{build.release_id} is the newest release, but was reverted." in page.text
    for begin, wanted in ((page, build.id), (await browser.visit("/apps/shop/environment?begin=active"), None)):
        review = Page((await browser.send(begin, "/review", set="A=1")).text)
        await browser.send(review, "/environment")
        newest = (await releases.list_newest(running.rack, "shop", 1))[0]
        active = await releases.get(running.rack, "shop", two[1])
        assert newest.build_id == (wanted or active.build_id)


async def test_settings_come_back_only_where_that_is_asked_for(running, browser, two):
    await processes.scale(running.rack, "shop", "web", 3, running.made())
    page = await browser.visit(f"/apps/shop/releases/{two[0]}/rollback")
    assert ("other settings held" in page.text, "scale.web" in page.text) == (True, True)
    await browser.send(page, "/rollback")
    await running.ended(await latest(running))
    assert (await apps.get(running.rack, "shop")).app.settings.scale == {"web": 3}
    await processes.scale(running.rack, "shop", "web", 4, running.made())
    page = await browser.visit(f"/apps/shop/releases/{two[1]}/rollback")
    await browser.send(page, "/rollback", settings="true")
    await running.ended(await latest(running))
    assert (await apps.get(running.rack, "shop")).app.settings.scale == {"web": 3}


async def test_every_release_with_the_content_that_stands_by_says_so(running, browser, two):
    await running.rolled_back(two[0])
    copy = await running.active()
    await running.rolled_back(two[1])
    text = (await browser.get("/apps/shop/releases")).text
    for release_id in (two[0], copy):
        row = text.partition(f'<tr role="row" id="{release_id}"')[2].partition("</tr>")[0]
        assert "Standby" in row


async def test_change_that_changes_nothing_or_cannot_be_read_is_told(running, browser, two):
    page = await browser.visit("/apps/shop/environment")
    for wanted in ("", "no equals sign"):
        assert (await browser.send(page, "/review", set=wanted)).status_code == 400


async def test_scale_and_restart_and_parameters(running, browser, two):
    page = await browser.visit("/apps/shop")
    assert (await browser.send(page, "/services/web/scale", count="3")).status_code == 200
    assert (await browser.send(page, "/services/web/scale", count="many")).status_code == 400
    assert (await browser.send(page, "/services/web/restart")).status_code == 200
    page = await browser.visit("/rack")
    assert (await browser.send(page, "/rack/parameters", **{"parameter.channel": "nonsense"})).status_code == 400


async def test_every_page_of_a_rack_without_apps_says_how_to_begin(browser):
    assert "No apps yet" in (await browser.visit("")).text
    for path in ("/rack", "/rack/update", "/rack/logs", "/rack/history", "/people", "/audit", "/me"):
        await browser.visit(path)


async def test_every_page_of_an_app_without_releases(running, browser):
    await running.app()
    for path in ("", "/releases", "/builds", "/environment", "/logs", "/history", "/difference"):
        await browser.visit(f"/apps/shop{path}")


async def test_failed_build_is_told_with_what_it_printed(running, browser):
    await running.app()
    running.builder.failure = "no Dockerfile"
    build = await running.build()
    page = await browser.visit(f"/apps/shop/builds/{build.id}")
    assert ("Failed" in page.text, "no Dockerfile" in page.text) == (True, True)
    assert "no Dockerfile" in (await browser.visit("/apps/shop/builds")).text


async def latest(running):
    return (await promotions.list_newest(running.rack, "shop", 1))[0]
