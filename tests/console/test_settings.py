"""What is set for an app and for the rack, by forms."""

import pytest

from sternway.core.access import Role
from sternway.ops import apps, history, processes
from sternway.ops import parameters as rack_parameters
from tests.console.browsing import Browser, Page, front_of
from tests.console.people_of import signed_in_as

EVIL = "\"'><script>alert(1)</script>"
MANIFEST = """
services:
  web:
    command: run
    port: 3000
    domain: shop.example.com
    resources:
      - main
resources:
  main:
    type: postgres
    options:
      version: "16"
timers:
  nightly:
    command: run '<script>alert(1)</script>'
    schedule: "0 3 * * *"
    service: web
"""


@pytest.fixture
async def shop(running):
    await running.app()
    return await running.deployed(manifest=MANIFEST)


async def test_parameters_are_shown_with_what_they_mean_and_set_with_a_reason(running, browser, shop):
    page = await browser.visit("/apps/shop/settings")
    assert ("a number of releases, or off" in page.text, "Without a value: 10m." in page.text) == (True, True)
    answer = await browser.send(page, "/settings", **{"parameter.Standby": "1h", "reason": "slow mornings"})
    assert (answer.status_code, answer.url.path) == (200, "/console/apps/shop/settings")
    assert (await apps.get(running.rack, "shop")).parameters()["Standby"] == "1h"
    assert "slow mornings" in [entry.reason for entry in await history.of_app(running.rack, "shop", 10)]


async def test_value_that_cannot_be_used_is_told_at_its_field_and_nothing_is_saved(running, browser, shop):
    page = await browser.visit("/apps/shop/settings")
    typed = {"parameter.Standby": f"soon{EVIL}", "new-name": "Region", "new-value": "eu"}
    answer = await browser.send(page, "/settings", **typed)
    shown = Page(answer.text)
    field = next(found for tag, found in shown.tags if found.get("name") == "parameter.Standby")
    assert (answer.status_code, field["value"], field["aria-invalid"]) == (400, f"soon{EVIL}", "true")
    assert ("is not a duration" in shown.text, "<script>" in answer.text) == (True, False)
    assert "Region" not in (await apps.get(running.rack, "shop")).parameters()


async def test_parameter_that_the_rack_does_not_know_is_kept_and_stays_text(running, browser, shop):
    page = await browser.visit("/apps/shop/settings")
    answer = await browser.send(page, "/settings", **{"new-name": EVIL, "new-value": EVIL})
    assert ("<script>" in answer.text, answer.status_code) == (False, 200)
    assert (await apps.get(running.rack, "shop")).app.settings.parameters[EVIL] == EVIL


async def test_app_that_asks_for_reasons_takes_no_form_without_one(running, browser, shop):
    await apps.update(running.rack, "shop", running.made(), parameters={"AskReason": "yes"})
    page = await browser.visit("/apps/shop/settings")
    for action, typed in (("/settings", {"parameter.Standby": "off"}), ("/lock", {}), ("/scale", {"scale.web": "2"})):
        assert (await browser.send(page, action, **typed)).status_code == 400
        assert (await browser.send(page, action, **typed, reason="because")).status_code == 200
    settings = (await apps.get(running.rack, "shop")).app.settings
    assert (settings.locked, settings.scale, settings.parameters["Standby"]) == (True, {"web": 2}, "off")


async def test_app_is_locked_and_unlocked(running, browser, shop):
    for locked in (True, False):
        await browser.send(await browser.visit("/apps/shop/settings"), "/lock")
        assert (await apps.get(running.rack, "shop")).app.settings.locked is locked


async def test_count_that_is_none_changes_no_scale(running, browser, shop):
    page = await browser.visit("/apps/shop/settings")
    assert (await browser.send(page, "/scale", **{"scale.web": "many"})).status_code == 400
    assert (await apps.get(running.rack, "shop")).app.settings.scale == {}


async def test_domains_are_shown_as_the_manifest_has_them(running, browser, shop):
    assert "shop.example.com" in (await browser.visit("/apps/shop/settings")).text


async def test_resources_and_timers_are_shown_with_that_they_do_nothing_yet(running, browser, shop):
    answer = await browser.get("/apps/shop")
    text = Page(answer.text).text
    assert ("web as MAIN_URL" in text, "0 3 * * *" in text, "<script>alert" in answer.text) == (True, True, False)
    assert text.count("They have no effect on this rack yet.") == 2


async def test_app_without_resources_and_timers_says_nothing_of_them(running, browser):
    await running.app()
    await running.deployed()
    text = (await browser.visit("/apps/shop")).text
    assert ("Resources" in text, "Timers" in text) == (False, False)


async def test_parameter_of_the_rack_is_told_at_its_field(running, browser):
    page = await browser.visit("/rack")
    answer = await browser.send(page, "/rack/parameters", **{"parameter.standby_memory": f"lots{EVIL}"})
    assert (answer.status_code, "<script>" in answer.text) == (400, False)
    assert "is neither MiB nor a percentage" in Page(answer.text).text
    answer = await browser.send(page, "/rack/parameters", **{"parameter.standby_memory": "10%", "reason": "small"})
    assert answer.status_code == 200
    assert (await rack_parameters.get(running.rack))["standby_memory"] == "10%"


async def test_viewer_sees_settings_and_has_no_form_for_them(running, shop):
    async with Browser.of(front_of(running.rack)) as theirs:
        await signed_in_as(running, theirs, Role.VIEWER)
        for path, refused in (("/apps/shop/settings", ("", "/lock", "/scale")), ("/rack", ("/parameters",))):
            page = await theirs.visit(path)
            token = page.form("/sign-out").fields["form-token"]
            assert [tag for tag, _ in page.tags if tag == "select"] == []
            for end in refused:
                answer = await theirs.client.post(f"/console{path}{end}", data={"form-token": token})
                assert answer.status_code == 403


@pytest.mark.parametrize("what", ["services/web/restart", "processes/{process}/stop", "services/web/scale"])
async def test_quick_actions_ask_why_where_the_app_wants_to_know(running, browser, shop, what):
    process = (await processes.list_measured(running.rack, "shop"))[0].state.id
    await apps.update(running.rack, "shop", running.made(), parameters={"AskReason": "yes"})
    own = f"/apps/shop/{what.format(process=process)}"
    page = await browser.visit("/apps/shop")
    refused = await browser.client.post(f"/console{own}", data={**page.form("/sign-out").fields, "count": "2"})
    assert (refused.status_code, "wants to know why" in refused.text) == (400, True)
    if what.endswith("scale"):
        assert "/console/apps/shop/settings#scale-web" in page.links
        return
    assert f"/console{own}" in page.links
    answer = await browser.send(await browser.visit(own), own, reason="it leaks")
    assert answer.url.path == "/console/apps/shop"
    assert "it leaks" in [entry.reason for entry in await history.of_app(running.rack, "shop", 10)]
