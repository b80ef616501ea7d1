"""A thousand apps behind one router: nothing is lost while some are promoted and others come."""

import asyncio
import os

import pytest

from sternway.core.formation import Member
from tests.router import load
from tests.router.rigs import CaddyRig, route

APPS = 1000


async def test_promotions_and_loads_among_a_thousand_apps_lose_nothing(
    own_caddy: CaddyRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands, for a directory that is thrown away
    old, new = [[await own_caddy.member(name + number) for number in "123"] for name in ("old", "new")]
    await asyncio.gather(*(_promote(own_caddy, f"app{number}", *old) for number in range(APPS)))
    async with load.on(own_caddy.listen, "app7.localhost") as report:
        await report.more(50)
        for number, members in enumerate([new, old, new]):
            await _promote(own_caddy, "app7", *members)
            await report.more(50)
            await _promote(own_caddy, f"another{number}", *old)  # a load
            await report.more(50)
    assert report.failures == []
    assert {answer.body[:3] for answer in report.answers} == {"old", "new"}
    assert report.answers[-1].body.startswith("new")


async def _promote(caddy: CaddyRig, app: str, *members: Member) -> None:
    await caddy.router.apply(app, (route("web", f"{app}.localhost", *members),), epoch=caddy.epoch)
