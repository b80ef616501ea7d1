"""The socket that versions hand on to each other: whoever dials it again loses nothing, and nobody is held up."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

from sternway.bootstrap import serving
from sternway.core.promotion import PromotionOptions
from sternway.ops import promotions
from sternway.ops.changes import Changes

ROUNDS = 6
PATIENCE_S = 20.0


def version(rack, name):
    """Return the rack as another process of this version would be one."""
    return replace(rack, settings=replace(rack.settings, version=name), changes=Changes())


async def dialled(path: Path):
    """Dial until somebody is there, as the router does; what was sent is never sent again."""
    while True:
        try:
            return await asyncio.open_unix_connection(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0)


async def ask(path: Path, request: str = "GET /check") -> str:
    """Return the status and the version of an answer; raises for a connection that ends without one."""
    reader, writer = await dialled(path)
    writer.write(f"{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head = (await reader.read()).decode()
    writer.close()
    return f"{head.split()[1]} {head.lower().partition('sternway-version: ')[2].partition(chr(13))[0]}"


@contextlib.asynccontextmanager
async def served(rack, path: Path, opened=lambda: None):
    with serving.socket_file(path, opened) as door:
        async with serving.serving(rack, door, password=""):
            yield


async def test_requests_during_a_hand_over_are_neither_refused_nor_reset(still, tmp_path):
    path, answers, is_over = tmp_path / "api.sock", set(), asyncio.Event()
    names = {f"2026010100000{number}": asyncio.Event() for number in range(ROUNDS)}

    async def visit():
        while not is_over.is_set():
            answers.add(answer := await ask(path))
            names[answer.split()[1]].set()

    async with asyncio.timeout(PATIENCE_S):
        visitors = [asyncio.create_task(visit()) for _ in range(4)]
        for name, was_seen in names.items():
            async with served(version(still.rack, name), path):
                await was_seen.wait()
                if name == max(names):
                    is_over.set()
                    await asyncio.gather(*visitors)
    assert answers == {f"200 {name}" for name in names}


async def test_the_next_one_may_have_the_name_before_this_one_has_ended(still, tmp_path):
    path = tmp_path / "api.sock"
    old, new = version(still.rack, "20260101000000"), version(still.rack, "20260201000000")
    async with asyncio.timeout(PATIENCE_S), served(old, path), served(new, path):
        assert await ask(path) == "200 20260201000000"


async def test_a_client_that_waits_is_answered_at_once_when_the_rack_ends(running, tmp_path):
    path, rack = tmp_path / "api.sock", running.rack
    await running.app()
    build = await running.build()
    await running.hold(build.release_id)
    promotion = await promotions.promote(rack, "shop", build.release_id, PromotionOptions(), running.made())
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_S):
        async with served(rack, path):
            waiting = asyncio.create_task(ask(path, f"GET /apps/shop/promotions/{promotion.id}?wait=60&after=1000"))
            await asyncio.wait({waiting}, timeout=0.3)
            began = loop.time()
        assert (await waiting).startswith("200")
    assert loop.time() - began < 5


async def test_word_of_taking_requests_is_left_before_the_first_is_taken(still, tmp_path):
    path = tmp_path / "api.sock"
    seen = []
    async with served(still.rack, path, lambda: seen.append(path.exists())):
        assert path.exists()
    assert seen == [False]
    assert not path.exists()
