import pytest

from sternway.console.headers import POLICY
from tests.console.browsing import Page


@pytest.mark.parametrize("path", ["/sign-in", "", "/rack", "/nothing", "/apps/none", "/static/console.css"])
async def test_every_answer_says_what_may_run_and_who_may_frame_it(browser, path):
    headers = (await browser.get(path)).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert len(headers["Request-Id"]) == 12


def test_policy_lets_nothing_run_that_stands_in_a_page():
    assert "unsafe" not in POLICY
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(POLICY.split("; "))


@pytest.mark.parametrize("path", ["", "/rack", "/sign-in"])
async def test_pages_are_not_kept(browser, path):
    assert (await browser.get(path)).headers["Cache-Control"] == "no-store"


async def test_no_page_holds_a_script_a_style_or_a_handler_of_its_own(running, browser):
    await running.app()
    await running.deployed()
    for path in ("", "/apps/shop", "/apps/shop/releases", "/apps/shop/logs", "/rack"):
        page = Page((await browser.get(path)).text)
        assert [tag for tag, _ in page.tags if tag == "style"] == []
        assert all(found.get("src") for tag, found in page.tags if tag == "script")
        assert [name for _, found in page.tags for name in found if name == "style" or name.startswith("on")] == []


async def test_files_are_kept_under_an_address_that_changes_with_them(browser):
    page = await browser.visit("")
    addresses = [found["href"] for tag, found in page.tags if tag == "link"]
    addresses += [found["src"] for tag, found in page.tags if tag == "script"]
    assert len(addresses) == 5
    for address in addresses:
        answer = await browser.client.get(address)
        assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True)
        assert (await browser.client.get(address.partition("?")[0])).headers["Cache-Control"] == "no-cache"


async def test_file_is_sent_plain_to_who_cannot_unpack_it(browser):
    plain = await browser.get("/static/console.css", **{"Accept-Encoding": "identity"})
    packed = await browser.get("/static/console.css", **{"Accept-Encoding": "gzip"})
    assert plain.text == packed.text
    assert (packed.headers["Content-Encoding"], "Content-Encoding" in plain.headers) == ("gzip", False)


@pytest.mark.parametrize("path", ["/static/", "/static/nothing.css", "/static/../times.py", "/static/%2e%2e/times.py"])
async def test_no_other_file_is_sent(browser, path):
    assert (await browser.get(path)).status_code in (404, 200)
    assert "Every word of the console" not in (await browser.get(path)).text


async def test_browser_is_led_from_the_root_and_a_client_is_not(browser):
    assert (await browser.client.get("/", headers={"Accept": "text/html,*/*"})).url.path == "/console"
    answer = await browser.client.get("/", headers={"Accept": "*/*"})
    assert (answer.url.path, answer.status_code) == ("/", 401)


async def test_what_is_not_there_is_a_page_that_leads_back(browser):
    for path in (
        "/nothing",
        "/apps/none",
        "/apps/NONE",
        "/apps/a%00b",
        "/apps/none/releases/x",
        "/apps/none/promotions/99999999999999999999",
    ):
        answer = await browser.get(path)
        assert (answer.status_code, 'href="/console"' in answer.text) == (404, True), path
