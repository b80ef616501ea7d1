"""What pages say of requests, and how they draw it."""

import re
from datetime import timedelta

import pytest

from sternway.console import charts, figures
from sternway.console.charts import Mark
from sternway.core.errors import EngineUnavailable
from sternway.core.traffic import Counts
from sternway.ports import Usage
from tests.api.server import serving
from tests.console.browsing import Browser, front_of
from tests.console.test_live import events_of


def paths(page) -> list[str]:
    return [found["d"] for tag, found in page.tags if tag == "path"]


async def test_rack_shows_the_last_hour_of_each_app(running, browser):
    for app in ("shop", "blog", "plan"):
        await running.app(app)
    await running.deployed("blog")
    for number in range(200):
        running.router.network.answered("shop", status=500 if number < 3 else 200)
    page = await browser.visit("")
    assert "200 requests in the last hour, 1.5% failed" in page.text
    assert page.text.count("No requests in the last hour") == 1
    labels = [found["aria-label"] for tag, found in page.tags if found.get("role") == "img"]
    assert "Requests a minute: 200 requests in the last hour, 1.5% failed" in labels
    assert sum(map(bool, paths(page))) == 2


async def test_app_shows_its_last_minute_and_keeps_it_up_to_date(running, browser):
    await running.app()
    await running.deployed()
    for number in range(600):
        running.router.network.answered("shop", took_s=0.3 if number % 5 == 0 else 0.004, ago_s=1 + number % 50)
    page = await browser.visit("/apps/shop")
    assert "Requests a second" in page.text
    assert "Failed 0%" in page.text
    assert "Counted since" in page.text
    async with serving(front_of(running.rack)) as address, Browser.over(address) as other:
        await other.sign_in()
        seen = await events_of(other, "/apps/shop/live", lambda line: line == "event: traffic")
    assert seen[-1] == "event: traffic"


async def test_app_without_a_host_has_no_chart(running, browser):
    await running.app()
    await running.deployed(manifest="services:\n  worker:\n    command: work\n")
    assert "Requests a second" not in (await browser.visit("/apps/shop")).text


async def test_router_that_does_not_answer_costs_a_page_only_its_charts(running, browser):
    await running.app()
    await running.deployed()
    running.router.network.is_down = True
    assert (await browser.get("/apps/shop/promotions/1")).status_code == 200
    assert "requests in the last hour" not in (await browser.visit("")).text
    running.router.network.is_down = False


async def test_promotion_shows_the_requests_on_both_sides_of_its_switch(running, browser):
    await running.app()
    await running.deployed()
    for ago in (0.5, 0.5, 30):
        running.router.network.answered("shop", ago_s=ago)
    page = await browser.visit("/apps/shop/promotions/1")
    assert re.search(
        r"Traffic was switched at [0-9:.]+ UTC\. Before: \d requests, 0 failed\. In the second of the switch: \d",
        page.text,
    )
    marks = [found for tag, found in page.tags if tag == "line"]
    assert [30 < float(mark["x1"].rstrip("%")) < 40 for mark in marks] == [True]
    assert re.search(r"switch [0-9]{2}:[0-9]{2}:[0-9]{2}", page.text)
    async with serving(front_of(running.rack)) as address, Browser.over(address) as other:
        await other.sign_in()
        seen = await events_of(other, "/apps/shop/promotions/1/traffic/live", lambda line: line == "event: across")
    assert seen[-1] == "event: across"


async def test_stream_of_an_attempt_of_long_ago_ends_at_once(running, browser, monkeypatch):
    await running.app()
    await running.deployed()
    now = running.rack.clock.now()
    monkeypatch.setattr(type(running.rack.clock), "now", lambda _: now + timedelta(hours=1))
    running.router.network.now = (now + timedelta(hours=1)).timestamp
    monkeypatch.setattr("sternway.console.visit.LOOK_AGAIN_S", 3600.0)
    assert "Traffic was switched" not in (await browser.visit("/apps/shop/promotions/1")).text
    assert (await browser.get("/apps/shop/promotions/1/traffic/live")).text.endswith("event: done\ndata: \n\n")
    for number in ("7", str(2**63)):
        assert (await browser.get(f"/apps/shop/promotions/{number}/traffic/live")).status_code == 404


async def test_rack_shows_what_apps_use_of_the_machine(running, browser):
    await running.app()
    running.processes.used = {"web-1": Usage(0.25, 100.0), "web-2": Usage(0.5, 60.4)}
    page = await browser.visit("/rack")
    assert "Apps use 0.75 of 0 cores" in page.text
    assert "shop 2 running 0.75 cores 160 MiB" in page.text


def test_columns_show_every_error_and_what_is_not_known():
    chart = charts.columns([None, None, Counts(0), Counts(1000, 1), Counts(500)], 1, [Mark(70.0, "12:00:00")])
    assert (chart.width, chart.top, chart.unknown) == (5, 1000, [(0, 2)])
    assert chart.requests == "M3 100v-100h.8v100zM4 100v-50h.8v50z"
    assert chart.errors == f"M3 100v-{charts.LEAST}h.8v{charts.LEAST}z"
    assert chart.marks[0].is_late


def test_lines_break_where_there_was_nothing():
    chart = charts.lines(4, [5.0, 10.0, None, 10.0])
    assert chart.lines == ["M0.2 50H0.5L1.5 0M3.2 0H3.5"]
    assert chart.top == 10


def test_groups_are_known_when_they_are_over():
    assert charts.grouped([None, Counts(1), Counts(2, 1), None], 2) == [Counts(1), None]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (figures.rate(0), "0"),
        (figures.rate(0.25), "0.2"),
        (figures.rate(1 / 60), "0.02"),
        (figures.rate(1234.5), "1,234"),
        (figures.share(0), "0%"),
        (figures.share(0.0001), "< 0.1%"),
        (figures.share(0.015), "1.5%"),
        (figures.share(1), "100%"),
        (figures.milliseconds(None), "\N{EN DASH}"),
        (figures.milliseconds(0.4), "< 1 ms"),
        (figures.milliseconds(4.25), "4.2 ms"),
        (figures.milliseconds(1500), "1.5 s"),
        (figures.mebibytes(20480), "20.0 GiB"),
        (figures.percent_of(3, 2), 100.0),
        (figures.percent_of(3, 0), 0.0),
        ([charts.nice(value) for value in (0.2, 1, 1.4, 5, 99, 120)], [0.2, 1, 1.5, 6, 100, 150]),
    ],
)
def test_numbers_read_well(shown, expected):
    assert shown == expected


async def test_list_of_apps_shows_what_each_uses_and_says_where_that_is_not_known(running, browser, monkeypatch):
    await running.app()
    await running.deployed()

    async def usage(app):
        return {"one": Usage(0.25, 30.0), "two": Usage(0.5, 70.0)}

    monkeypatch.setattr(running.rack.processes, "usage", usage)
    assert "2 running, 0.75 cores, 100 MiB" in (await browser.visit("")).text

    async def silent(app):
        raise EngineUnavailable("engine: silent")

    monkeypatch.setattr(running.rack.processes, "usage", silent)
    assert "What it uses is not known now" in (await browser.visit("")).text
