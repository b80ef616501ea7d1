"""A rack that is killed on its way: starts the router in a process of its own, and ends without a word at a point.

python -m tests.router.dying_rack DIRECTORY LISTEN BINARY POINT
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sternway.router.caddy import leaving, process, record
from sternway.router.caddy.router import CaddyRouter
from tests.router import rigs, upstreams

POINTS = (
    "a back runs without a note",
    "both backs run",
    "the backs are switched",
    "the front runs without a note",
    "the front runs",
    "an old one is stopped",
)


def _die_before(module: Any, function: str, condition: Callable[..., bool]) -> None:
    original = getattr(module, function)

    def dying(*arguments: Any) -> Any:
        if condition(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(module, function, dying)


def arm(point: str) -> None:
    """Have this process killed at the point."""
    match POINTS.index(point):
        case 0:
            _die_before(process, "_note", lambda _, name, __: name.startswith("back-a-"))
        case 1:
            _die_before(record, "write_durably", lambda file, _: file.name == "live")
        case 2:
            _die_before(record, "write_durably", lambda file, _: file.name.startswith("front-"))
        case 3:
            _die_before(process, "_note", lambda _, name, __: name.startswith("front-"))
        case 4:
            _die_before(leaving.Leaving, "tell", lambda _: True)
        case _:
            _die_before(process, "stop", lambda _, __: True)


async def main(directory: str, listen: str, binary: str, point: str) -> None:
    arm(point)
    router = CaddyRouter(Path(directory), listen, rigs.SystemTime(), replace(rigs.LEAVING_OPTIONS, binary=binary))
    async with router.run(), asyncio.timeout(upstreams.WAIT_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
