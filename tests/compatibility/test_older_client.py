"""Clients of earlier days, as they were recorded, go on listing, promoting and rolling back with the rack of today."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.compatibility.recording import RECORDED, exchanges, shop

PATIENCE_S = 30.0
SAID_ALIKE = ("app", "build", "copy-of", "description", "env", "manifest", "name", "reason", "release", "rollback")
"""Members that have to say the same; of the others the kind is enough."""
_NAME = re.compile(r"\{[RBP][0-9]+\}")


class Replay:
    """A recorded client. It knows releases, builds and promotions by the ids that this rack gives them."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    async def say(self, exchange: dict[str, Any]) -> None:
        """Send what the client sent, and hold the answer against what it was told then."""
        answer = await self._send(exchange)
        assert answer.status_code == exchange["status"], (exchange["target"], answer.text)
        self._hold(exchange["answer"], answer.json(), exchange["target"])

    async def _send(self, exchange: dict[str, Any]) -> httpx2.Response:
        target, body = self._with_ids(exchange["target"]), self._with_ids(exchange["body"])
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self._client.request(
                    exchange["method"], target, content=body, headers=exchange["headers"]
                )
                if "wait=" not in target or answer.json()["status"] == exchange["answer"]["status"]:
                    return answer
                target = re.sub("after=[0-9]+", f"after={len(answer.json()['steps'])}", target)

    def _hold(self, then: Any, now: Any, place: str) -> None:
        if isinstance(then, dict):
            assert isinstance(now, dict), place
            assert then.keys() <= now.keys(), place
            for name, value in then.items():
                if name in SAID_ALIKE and isinstance(value, str) and not _NAME.search(value):
                    assert now[name] == value, f"{place}: {name}"
                self._hold(value, now[name], f"{place}: {name}")
        elif isinstance(then, list):
            # Steps come as they come, and a list that was empty tells nothing of what it holds.
            assert isinstance(now, list), place
            assert now or not then or place.endswith("steps"), place
            for each, other in zip(then, now, strict=False):
                self._hold(each, other, place)
        elif isinstance(then, str) and _NAME.fullmatch(then):
            assert self._ids.setdefault(then, str(now)) == str(now), place
        elif isinstance(then, str | bool | int | float):
            assert isinstance(now, type(then)), place

    def _with_ids(self, text: str) -> str:
        return _NAME.sub(lambda found: self._ids[found[0]], text)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_client_is_served_as_it_was_on_its_day(tmp_path: Path, recorded: Path) -> None:
    async with shop(tmp_path / "rack") as url, httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        replay = Replay(client)
        for exchange in exchanges(recorded):
            await replay.say(exchange)
