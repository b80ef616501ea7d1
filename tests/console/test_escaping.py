"""Stored text is text, wherever it is shown: it can neither run nor break out of its place."""

from dataclasses import replace

import pytest

from sternway.console.pages import Pages
from sternway.console.static_files import load
from sternway.console.views.logs import Narrowing, ShownLine
from sternway.core.app import Made
from sternway.core.environment import Environment
from sternway.core.event import Happening
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.core.release import Build, BuildOptions, BuildStatus, Release
from sternway.ops import apps
from sternway.ports import LogLine, Step
from tests.console.browsing import Browser, Page, front_of

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7777*7777 }}{% raw %}&lt;"
MANIFEST = "services:\n  web:\n    command: run '<script>alert(1)</script>'\n    port: 3000\n"


@pytest.fixture
async def evil(still):
    """An app of which everything that people can write holds markup; return the ids of its parts."""
    made = Made(still.rack.clock.now(), EVIL, EVIL)
    async with still.rack.store.write() as ledger:
        app = await ledger.apps.add("shop", made)
        await apps.record(
            ledger, app, Happening("release:scale", EVIL, made.at, detail={"service": EVIL, "count": EVIL})
        )
        build = Build(still.rack.ids.build(), app.id, made, BuildOptions("tmp/a", git_sha=EVIL), description=EVIL)
        failed = replace(
            build, status=BuildStatus.FAILED, manifest=MANIFEST, artifacts={"web": "memory:web"}, reason=EVIL
        )
        release = Release(still.rack.ids.release(), app.id, made, build.id, Environment({"A": EVIL}), MANIFEST, EVIL)
        await ledger.builds.add(build)
        await ledger.builds.record(replace(failed, status=BuildStatus.COMPLETE), made.at)
        release = await ledger.releases.add(release)
        promotion = await ledger.promotions.add(app, release, PromotionOptions(), made)
        await ledger.promotions.note(app, Step(made.at, EVIL, promotion.id))
        await ledger.promotions.record(promotion, PromotionStatus.REVERTED, made.at, EVIL)
        newer = await ledger.releases.add(replace(release, id=still.rack.ids.release()))
        done = await ledger.promotions.add(app, newer, PromotionOptions(), made)
        await ledger.promotions.record(done, PromotionStatus.COMPLETED, made.at)
    return {"release": release.id, "promotion": promotion.id, "build": build.id}


@pytest.fixture
async def eye(still):
    """A browser before the rack that does nothing by itself."""
    async with Browser.of(front_of(still.rack)) as opened:
        await opened.sign_in()
        yield opened


PLACES = [
    ("", "name of an author"),
    ("/apps/shop", "description, reason, author, command"),
    ("/apps/shop/releases", "description, reason, cause"),
    ("/apps/shop/releases/{release}", "description, reason, manifest"),
    ("/apps/shop/releases/{release}/rollback", "description, checks"),
    ("/apps/shop/releases/{release}/promote", "description"),
    ("/apps/shop/promotions/{promotion}", "cause, steps, reason"),
    ("/apps/shop/builds", "description, reason"),
    ("/apps/shop/builds/{build}", "description, commit, reason, manifest"),
    ("/apps/shop/logs", "steps"),
    ("/apps/shop/history", "reason, cause, author"),
    ("/apps/shop/difference?before={release}&after={release}", "descriptions in a choice"),
]


@pytest.mark.parametrize("path", [path for path, _ in PLACES], ids=[f"{path}: {what}" for path, what in PLACES])
async def test_markup_is_shown_as_it_was_written(evil, eye, path):
    answer = await eye.get(path.format(**evil))
    page = Page(answer.text)
    assert answer.status_code == 200, page.text
    assert [tag for tag, found in page.tags if tag == "script" and not found.get("src")] == []
    assert [found for tag, found in page.tags if tag == "img" and "onerror" in found] == []
    assert "<script>alert" not in answer.text
    assert "alert(1)" in answer.text
    assert str(7777 * 7777) not in page.text


async def test_command_of_a_process_is_text(running, browser):
    await running.app()
    await running.deployed(manifest=MANIFEST)
    answer = await browser.get("/apps/shop")
    assert ("<script>alert" in answer.text, "&lt;script&gt;alert" in answer.text) == (False, True)


async def test_printed_markup_and_escape_codes_are_text(running, browser):
    await running.app()
    await running.deployed()
    line = b"\x1b[31mred\x1b[0m \x1b]0;title\x07<script>alert(1)</script>\x00\xff\xe2\x80\xae"
    running.world.lines["shop"] = [LogLine(running.rack.clock.now(), "service/web/p1", line)]
    answer = await browser.get("/apps/shop/logs")
    assert "red &lt;script&gt;alert(1)&lt;/script&gt;\N{REPLACEMENT CHARACTER}" in answer.text
    assert not {"\x1b", "\x07", "\x00", "\u202e"} & set(answer.text)


@pytest.mark.parametrize(
    "path",
    ["/apps/shop/logs?text={}&process={}&release={}&since=2026-01-01", "/sign-in?next={}", "/rack/update?version={}"],
)
async def test_what_an_address_says_is_text(running, browser, path):
    await running.app()
    await running.deployed()
    answer = await browser.get(path.replace("{}", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"))
    assert "<script>alert" not in answer.text


async def test_name_of_an_environment_variable_that_was_asked_for_is_text(running, browser):
    await running.app()
    page = await browser.visit("/apps/shop/environment")
    answer = await browser.send(page, "/environment/review", set="A=1", remove='"><script>alert(1)</script>')
    assert (answer.status_code, "<script>alert" in answer.text) == (200, False)


async def test_text_of_a_part_that_is_sent_later_is_escaped_as_well(evil, still, eye):
    line = ShownLine(still.rack.clock.now(), EVIL, EVIL, 0)
    shown = Pages(load()).render("parts/line.html", {"line": line, "wanted": Narrowing(EVIL, EVIL, EVIL, "", EVIL)})
    assert "<script" not in shown
    assert "<script" not in Pages(load()).render("parts/output.html", {"lines": [EVIL]})
