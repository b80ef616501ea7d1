"""A program that writes and says so on stdout, one number a commit, until it is killed."""

import asyncio
import sys
from pathlib import Path

from sternway.core.event import RACK_CHAIN
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from tests.store import samples


async def main(directory: Path) -> None:
    store = SqlStore(directory / "sternway.db", KeyFile(directory / "key"))
    async with store.run():
        while True:
            async with store.write() as ledger:
                event = await ledger.events.append(RACK_CHAIN, samples.happening())
                app = await ledger.apps.add(f"app-{event.position}", samples.made())
                await ledger.apps.delete(app, samples.made())
            print(event.position, flush=True)


asyncio.run(main(Path(sys.argv[1])))
