import asyncio
import random
import sys
from pathlib import Path

from sternway.core import event
from sternway.core.event import RACK_CHAIN
from sternway.store.ledger import SqlStore

WRITER = Path(__file__).with_name("crash_writer.py")
ROOT = Path(__file__).parents[2]


async def test_whatever_was_acknowledged_is_there_after_a_kill(database, secrets):
    chance = random.Random(4)
    acknowledged = 0
    for _ in range(3):
        acknowledged = await _write_until_killed(database.parent, commits=chance.randint(1, 40))
        store = SqlStore(database, secrets)
        async with store.run(), store.read() as ledger:
            events = await ledger.events.list(RACK_CHAIN, 10_000)
            deleted = await ledger.apps.list_deleted()
            assert await ledger.apps.list() == []
        assert acknowledged <= len(events) == len(deleted)
        assert event.first_break(reversed(events)) is None


async def _write_until_killed(directory, *, commits):
    """Let a writer acknowledge so many commits, and kill it while it is at the next ones."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WRITER),
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    assert child.stdout is not None
    async with asyncio.timeout(20):
        lines = [await child.stdout.readline() for _ in range(commits)]
        child.kill()
        lines += (await child.stdout.read()).splitlines()
        await child.wait()
    return int([line for line in lines if line.strip()][-1])
