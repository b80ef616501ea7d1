"""The page of an app with a thousand releases comes at once, and is light."""

import time
from dataclasses import replace

from sternway.console import static_files
from sternway.core.promotion import PromotionOptions, PromotionStatus

RELEASES = 1000
FIRST_BYTE_S = 0.05
WEIGHT_BYTES = 100_000
TRIES = 9


async def grown(running):
    await running.app()
    first = await running.deployed()
    async with running.rack.store.write() as ledger:
        app = await ledger.apps.get("shop")
        release = await ledger.releases.get(app, first)
        for number in range(RELEASES):
            copy = replace(release, id=running.rack.ids.release(), description=f"change number {number} of the page")
            added = await ledger.releases.add(copy)
            promotion = await ledger.promotions.add(app, added, PromotionOptions(), running.made())
            await ledger.promotions.record(promotion, PromotionStatus.COMPLETED, running.made().at)


async def fastest(browser, path):
    """Return the least processor time of some tries: what else the machine does is no matter of the page."""
    took = []
    for _ in range(TRIES):
        began = time.process_time()
        answer = await browser.get(path)
        took.append(time.process_time() - began)
    return min(took), answer


async def test_page_of_an_app_with_a_thousand_releases(running, browser):
    await grown(running)
    files = sum(len(file.packed) for file in static_files.load().values())
    for path in ("/apps/shop", "/apps/shop/releases"):
        took_s, answer = await fastest(browser, path)
        print(path, round(took_s * 1000, 1), "ms", len(answer.content), "bytes and", files)
        assert took_s < FIRST_BYTE_S
        assert len(answer.content) + files < WEIGHT_BYTES
    assert len((await browser.visit("/apps/shop/releases?page=20")).links) > 50
