"""The console as people use it, through a real rack with a real app."""

import re
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts.visitor import Visitor, ask
from tests.console.browser.conftest import HOST

AXE = Path(__file__).parent / "axe" / "axe-4.14.1.min.js"
PAGES = {
    "apps": "",
    "app": "/apps/hello",
    "releases": "/apps/hello/releases",
    "builds": "/apps/hello/builds",
    "environment": "/apps/hello/environment",
    "settings": "/apps/hello/settings",
    "deploy": "/apps/hello/deploy",
    "ask": "/apps/hello/services/web/restart",
    "logs": "/apps/hello/logs",
    "history": "/apps/hello/history",
    "difference": "/apps/hello/difference",
    "promotion": "/apps/hello/promotions/1",
    "rack": "/rack",
    "update": "/rack/update",
    "people": "/people",
    "audit": "/audit",
    "me": "/me",
}


@pytest.fixture
def visitor(site):
    """Somebody who uses the app all the time."""
    busy = Visitor(site.rack.router_port, HOST)
    busy.start()
    yield busy
    busy.stop()
    assert busy.sent > 0
    assert busy.failures == []


def steps(page: Page) -> list[str]:
    return page.locator(".steps li span").all_inner_texts()


def test_whoever_is_not_signed_in_is_asked_for_the_password_and_led_on(chromium, site):
    context = chromium.new_context()
    page = site.page(context, "/apps/hello/releases")
    site.picture(page, "sign-in")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Name and password do not fit.")
    page.get_by_label("Password").fill(site.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/apps/hello/releases")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site.address}/console")
    expect(page.get_by_role("heading", name=re.compile("^Sign in"))).to_be_visible()
    context.close()


def test_rollback_by_the_button_under_load_loses_no_request_and_can_be_undone(site, desk, visitor):
    page = site.page(desk, "/apps/hello/releases")
    before = site.active()
    page.get_by_role("link", name=re.compile("^Rollback to")).nth(0).click()
    expect(page.get_by_text("bonjour")).to_have_count(0)
    site.picture(page, "preview")
    page.get_by_label("Reason (optional)").fill("version 2 is slow")
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    assert any(step.startswith("Switching") for step in steps(page))
    answer = ask(site.rack.router_port, HOST)
    assert (answer["version"], answer["greeting"]) == ("1", "bonjour")
    expect(page.locator("#across .said")).to_contain_text(re.compile(r"Since then: [1-9]\d* requests, 0 failed"))
    expect(page.locator("#across .mark")).to_have_count(1)
    site.picture(page, "rolled-back")
    page.get_by_role("button", name=f"Undo: back to {before}").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    assert ask(site.rack.router_port, HOST)["version"] == "2"
    page.get_by_role("link", name="To the releases").click()
    expect(page.locator("table.releases tbody tr").nth(0)).to_contain_text(f"rollback to {before}")
    expect(page.locator("table.releases tbody tr").nth(1)).to_contain_text("version 2 is slow")
    expect(page.locator("table.releases tbody tr")).to_have_count(5)
    site.picture(page, "releases")


def test_release_that_breaks_is_seen_to_be_reverted_in_two_browsers_and_says_why(site, desk, phone):
    page, other = site.page(desk, "/apps/hello/releases"), site.page(phone, "/apps/hello/releases")
    rows = page.locator("table.releases tbody tr").count()
    active = site.active()
    source = site.source / "app.py"
    good = source.read_text()
    source.write_text("raise SystemExit('it cannot start')\n")
    with pytest.raises(subprocess.CalledProcessError):
        site.rack.sternway("deploy", str(site.source), "-a", "hello", "--id", "--timeout", "4")
    source.write_text(good)
    for each in (page, other):
        expect(each.locator("table.releases tbody tr")).to_have_count(rows + 1)
        expect(each.locator("table.releases tbody tr").nth(0)).to_contain_text("Reverted")
    page.get_by_role("link", name="Reverted").first.click()
    expect(page.get_by_role("status")).to_contain_text("Reverted")
    expect(page.get_by_text(f"{active} stayed active all the time")).to_be_visible()
    site.picture(page, "reverted")
    page.get_by_role("link", name="Logs from this moment").click()
    expect(page.get_by_text("it cannot start").first).to_be_visible()
    assert site.active() == active


def test_logs_come_by_themselves_and_can_be_filtered_and_held_still(site, desk):
    page = site.page(desk, "/apps/hello/logs")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    lines = page.locator("#lines .line", has_text="GET /")
    before = lines.count()
    ask(site.rack.router_port, HOST)
    expect(lines).to_have_count(before + 1)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    with page.expect_event("console", lambda said: said.text == "held", timeout=10_000):
        page.evaluate("document.addEventListener('htmx:sseBeforeMessage', () => console.log('held'))")
        ask(site.rack.router_port, HOST)
    assert lines.count() == before + 1
    page.get_by_role("button", name="Resume").click()
    expect(lines).to_have_count(before + 2)
    site.picture(page, "logs")
    page.get_by_label("Contains").fill("listens on")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#lines .line", has_text="listens on").first).to_be_visible()
    expect(page.locator("#lines .line", has_text="GET /")).to_have_count(0)


def test_environment_is_changed_without_its_values_being_shown(site, desk):
    # The newest release may be one that was reverted, and would be again.
    page = site.page(desk, "/apps/hello/environment?begin=active")
    assert "bonjour" not in page.content()
    page.get_by_label("Add or change").fill("COLOUR=blue")
    page.get_by_role("button", name="Review the change").click()
    expect(page.locator(".difference .is-added")).to_contain_text("COLOUR")
    site.picture(page, "environment-review")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    assert "COLOUR=blue" in site.rack.sternway("env", "-a", "hello")


def test_scaling_shows_by_itself(site, desk):
    page = site.page(desk, "/apps/hello")
    page.get_by_label("Processes").fill("1")
    page.get_by_role("button", name="Scale").click()
    expect(page.get_by_text("1 of 1 healthy")).to_be_visible()
    site.picture(page, "app")


def test_rollback_needs_no_javascript(site, scriptless, visitor):
    page = site.page(scriptless, "/apps/hello/releases")
    page.get_by_role("link", name=re.compile("^Rollback to")).last.click()
    page.get_by_label("Reason (optional)").fill("without a script")
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    expect(page.locator(".progress .reason")).to_have_text("without a script")


def test_page_that_is_open_while_the_rack_is_killed_says_so_and_comes_back(site, desk):
    page = site.page(desk, "/apps/hello")
    expect(page.locator("#lost")).to_be_hidden()
    port = site.address.rpartition(":")[2]
    site.rack.kill()
    expect(page.locator("#lost")).to_be_visible()
    site.picture(page, "lost")
    site.rack._ports = (int(port), site.rack.router_port)
    site.rack.start()
    expect(page.locator("#lost")).to_be_hidden()
    site.rack.sternway("scale", "web", "--count", "2", "-a", "hello")
    expect(page.get_by_text("2 of 2 healthy")).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
def test_page_passes_axe_in_light_and_dark(site, desk, phone, name):
    for context, look in ((desk, "light"), (phone, "dark")):
        page = site.page(context, PAGES[name])
        page.wait_for_load_state("load")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run().then(found => found.violations)")
        told = [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]
        assert told == []
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        site.picture(page, f"{name}-{look}")


def test_keyboard_reaches_the_content_first_and_every_row(site, desk):
    page = site.page(desk, "/apps/hello/releases")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("link", name=re.compile("^Rollback to")).nth(0).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/rollback")


def test_nothing_moves_while_events_arrive(site, desk, visitor):
    page = site.page(desk, "/apps/hello")
    page.evaluate(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => window.shift += e.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    began = time.monotonic()
    site.rack.sternway("env", "set", f"SHIFT={began}", "-a", "hello", "--promote")
    expect(page.locator("table.releases tbody tr").nth(0)).to_contain_text("SHIFT")
    expect(page.get_by_text("2 of 2 healthy")).to_be_visible()
    expect(page.locator("#traffic dd").first).not_to_have_text("0")
    assert page.evaluate("window.shift") < 0.1


def test_settings_are_told_at_the_field_and_an_uploaded_archive_is_deployed(site, desk, tmp_path):
    page = site.page(desk, "/apps/hello/settings")
    page.get_by_label("Standby").fill("soon")
    page.get_by_role("button", name="Save the parameters").click()
    expect(page.locator(".field-problem")).to_contain_text("is not a duration")
    expect(page.get_by_label("Standby")).to_have_value("soon")
    page.get_by_label("Standby").fill("30m")
    page.get_by_role("button", name="Save the parameters").click()
    expect(page.locator(".field-problem")).to_have_count(0)
    assert "30m" in site.rack.sternway("apps", "params", "-a", "hello")
    (site.source / "version.txt").write_text("uploaded\n")
    archive = tmp_path / "hello.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(site.source, arcname=".")
    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_label("Archive of the source").set_input_files(archive)
    page.get_by_label("Reason").first.fill("by hand")
    page.get_by_role("button", name="Upload and deploy").click()
    page.wait_for_url("**/promotions/*")
    expect(page.get_by_role("status")).to_contain_text("Done")
    assert ask(site.rack.router_port, HOST)["version"] == "uploaded"
