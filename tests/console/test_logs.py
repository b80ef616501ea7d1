import asyncio
from datetime import timedelta

import pytest

from sternway.console.views import logs
from sternway.ports import LogLine
from tests.api.server import serving
from tests.console.browsing import PASSWORD, Browser, front_of


@pytest.fixture
async def shop(running):
    await running.app()
    await running.deployed()
    began = running.rack.clock.now() - timedelta(minutes=5)

    def tell(*texts, service="web"):
        told = running.world.lines.setdefault("shop", [])
        for text in texts:
            told.append(LogLine(began + timedelta(milliseconds=len(told)), f"service/{service}/p1", text.encode()))

    return tell


async def test_newest_lines_are_shown(shop, browser):
    shop(*(f"number {n}." for n in range(logs.SHOWN + 50)))
    text = (await browser.visit("/apps/shop/logs")).text
    assert ("number 349." in text, "number 10." in text) == (True, False)


async def test_text_is_found_among_many_lines_whatever_its_case(shop, browser):
    shop("Needle in the hay", *(f"straw {n}" for n in range(logs.SHOWN + 50)))
    text = (await browser.visit("/apps/shop/logs?text=needle")).text
    assert ("Needle in the hay" in text, "straw 3" in text) == (True, False)


async def test_lines_of_one_service_are_shown(shop, browser):
    shop("of the web")
    shop("of the worker", service="worker")
    text = (await browser.visit("/apps/shop/logs?service=worker")).text
    assert ("of the worker" in text, "of the web" in text) == (True, False)


async def test_service_that_is_not_there_has_no_lines(shop, browser):
    assert "No lines yet" in (await browser.visit("/apps/shop/logs?service=nothing")).text


async def test_link_to_a_moment_begins_there(shop, browser):
    shop("before", "at", "after")
    page = await browser.visit("/apps/shop/logs")
    link = [link for link in page.links if link.startswith("?since=")][1]
    text = (await browser.visit(f"/apps/shop/logs{link}")).text
    assert ("before" in text, "at" in text, "after" in text) == (False, True, True)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "%00"])
async def test_moment_that_is_none_is_told(shop, browser, since):
    assert (await browser.get(f"/apps/shop/logs?since={since}")).status_code == 400


def test_place_counts_lines_of_one_moment(running):
    now = running.rack.clock.now()
    shown = [logs.ShownLine(at, "", "", 0) for at in (now - timedelta(seconds=1), now, now)]
    assert logs.place(shown) == f"{now.isoformat()}/2"
    assert logs.place([]) == ""


async def test_stream_goes_on_after_the_last_line_that_the_browser_had(running, shop, browser):
    shop("one", "two", "three")
    told = running.world.lines["shop"]
    async with serving(front_of(running.rack)) as address:
        browser.client.base_url = f"http://{address}"
        async with Browser.over(address) as live:
            await live.sign_in(PASSWORD)
            last = f"{told[0].at.isoformat()}/1"
            async with live.client.stream(
                "GET", "/console/apps/shop/logs/live", headers={"Last-Event-ID": last}
            ) as answer:
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                seen = []
                async with asyncio.timeout(10):
                    async for line in answer.aiter_lines():
                        seen.append(line)
                        if "three" in line:
                            break
    assert not any(">one<" in line for line in seen)
    assert any(">two<" in line for line in seen)


async def test_lines_of_one_release_are_those_of_its_content(running, browser):
    await running.app()
    first = await running.deployed()
    second = await running.deployed(source=b"other")
    for release_id in (first, second):
        printed(running, await running.fingerprints(release_id), f"printed by {release_id}")
    text = (await browser.visit(f"/apps/shop/logs?release={first}")).text
    assert (f"printed by {first}" in text, f"printed by {second}" in text) == (True, False)
    await running.rolled_back(first)
    text = (await browser.visit(f"/apps/shop/logs?release={await running.active()}")).text
    assert (f"printed by {first}" in text, f"printed by {second}" in text) == (True, False)


async def test_links_to_a_line_keep_what_was_asked_for(shop, browser):
    shop("of the worker", service="worker")
    page = await browser.visit("/apps/shop/logs?service=worker&text=of")
    assert [link for link in page.links if link.startswith("?service=worker&text=of&since=")]


async def test_page_of_a_failed_release_shows_what_its_processes_printed(running, browser):
    await running.app()
    await running.deployed()
    build = await running.build(source=b"broken")
    await running.fail(build.release_id, "it cannot start")
    promotion = await running.promoted(build.release_id)
    printed(running, await running.fingerprints(build.release_id), "<b>Traceback</b>")
    answer = await browser.get(f"/apps/shop/promotions/{promotion.id}")
    assert "&lt;b&gt;Traceback&lt;/b&gt;" in answer.text
    assert "Traceback" not in (await browser.visit("/apps/shop/promotions/1")).text


def printed(running, fingerprints, text):
    """Have a process of this content have printed a line."""
    known = running.world.fingerprints
    process = next(process for process, fingerprint in known.items() if fingerprint in fingerprints)
    line = LogLine(running.rack.clock.now(), f"service/web/{process}", text.encode())
    running.world.lines.setdefault("shop", []).append(line)
