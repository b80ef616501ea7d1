"""A rack that is there to be killed: it starts one formation, prints the process ids, and waits."""

import asyncio
import sys
from pathlib import Path

from sternway.engines.process.engine import ProcessEngine
from tests.engines.bench import WallClock, formation, healthy


async def main(data: Path) -> None:
    engine = ProcessEngine(data, clock=WallClock())
    async with engine.run():
        await engine.ensure(formation(), 1, epoch=1)
        started = await healthy(engine, formation())
        print(*(process.id for process in started), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
