import asyncio

import pytest

from sternway.console import live, visit
from sternway.console.live import Event
from sternway.ops import access
from sternway.ops.changes import Changes
from tests.api.server import serving
from tests.console.browsing import Browser, front_of


def test_event_of_several_lines_is_one_event():
    assert live.encode(Event("part", "<p>\n</p>", "7")) == b"event: part\nid: 7\ndata: <p>\ndata: </p>\n\n"
    assert live.encode(Event("done", "")) == b"event: done\ndata: \n\n"


@pytest.mark.parametrize("ending", ["\r", "\r\n", "\n", "\u2028", "\x85"])
def test_no_text_ends_an_event_early(ending):
    encoded = live.encode(Event("part", f"a{ending}event: evil"))
    assert encoded.count(b"\n\n") == 1
    assert b"\nevent: evil" not in encoded


async def test_part_is_sent_at_once_and_again_only_when_it_has_changed():
    changes, shown = Changes(), ["one"]

    async def parts():
        return {"part": shown[0], "other": "same"}

    events = live.changing(changes, "shop", parts, pause_s=0.01)
    assert [await anext(events), await anext(events)] == [Event("part", "one"), Event("other", "same")]
    coming = asyncio.ensure_future(anext(events))
    shown[0] = "two"
    changes.notify("shop")
    assert await coming == Event("part", "two")
    changes.close()
    assert [event async for event in events] == []


async def test_quiet_stream_gives_signs_of_life(monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.01)
    go_on = asyncio.Event()

    async def events():
        await go_on.wait()
        yield Event("done", "")

    lines = live._lines(events())
    assert await anext(lines) == b"retry: 1000\n\n"
    assert await anext(lines) == b": still here\n\n"
    go_on.set()
    rest = [line async for line in lines]
    assert rest[-1] == b"event: done\ndata: \n\n"


async def events_of(browser, path, is_enough):
    """Read a stream until a line is enough; return its lines."""
    seen = []
    async with asyncio.timeout(15), browser.client.stream("GET", f"/console{path}") as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            seen.append(line)
            if is_enough(line):
                break
    return seen


async def test_promotion_is_told_step_by_step_until_it_has_ended(running):
    await running.app()
    await running.deployed()
    async with serving(front_of(running.rack)) as address, Browser.over(address) as browser:
        await browser.sign_in()
        seen = await events_of(browser, "/apps/shop/promotions/1/live", lambda line: line == "event: done")
    assert any("Switching traffic" in line for line in seen)
    assert any("Done: " in line for line in seen)


async def test_stream_ends_for_who_was_signed_out(running, monkeypatch):
    monkeypatch.setattr(visit, "LOOK_AGAIN_S", 0.0)
    await running.app()
    async with serving(front_of(running.rack)) as address, Browser.over(address) as browser:
        await browser.sign_in()
        async with asyncio.timeout(20), browser.client.stream("GET", "/console/apps/shop/live") as answer:
            lines = answer.aiter_lines()
            while not (await anext(lines)).startswith("event:"):
                pass
            await access.close_all(running.rack, "rack-password")
            await running.deployed()
            rest = [line async for line in lines]
    assert not any("of 1 healthy" in line for line in rest)


async def test_stream_ends_when_the_rack_does(running):
    await running.app()
    async with serving(front_of(running.rack)) as address, Browser.over(address) as browser:
        await browser.sign_in()
        async with asyncio.timeout(10), browser.client.stream("GET", "/console/live") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            running.rack.changes.close()
            async for _ in lines:
                pass


async def test_stream_for_who_is_not_signed_in_ends_for_good(stranger):
    answer = await stranger.get("/live", Accept="text/event-stream")
    assert answer.status_code == 204


async def test_only_so_many_pages_are_kept_up_to_date(running, browser, monkeypatch):
    monkeypatch.setattr(live, "MAX_OPEN", 0)
    assert (await browser.get("/live")).status_code == 403
