import asyncio
import itertools

import pytest

from sternway.core import errors, event
from sternway.core.app import Made
from sternway.core.event import RACK_CHAIN
from sternway.store.ledger import SqlStore
from tests.store.samples import AT, happening, made


async def test_what_was_written_is_there_after_a_restart(database, secrets):
    store = SqlStore(database, secrets)
    async with store.run(), store.write() as ledger:
        app = await ledger.apps.add("web", made())
    again = SqlStore(database, secrets)
    async with again.run(), again.read() as ledger:
        assert await ledger.apps.get("web") == app


async def test_a_store_can_run_again(database, secrets):
    store = SqlStore(database, secrets)
    for epoch in (1, 2):
        async with store.run(), store.write() as ledger:
            assert await ledger.leases.take("me", AT) == epoch


async def test_a_block_that_raises_writes_nothing(store):
    async def broken():
        async with store.write() as ledger:
            await ledger.apps.add("web", made())
            raise KeyError("anything")

    with pytest.raises(KeyError):
        await broken()
    async with store.read() as ledger:
        assert await ledger.apps.list() == []


async def test_an_error_of_the_core_comes_through_as_it_is(store):
    with pytest.raises(errors.NotFound, match=r"^app not found: web$"):
        async with store.read() as ledger:
            await ledger.apps.get("web")


async def test_a_reader_sees_one_state_throughout(store):
    async with store.read() as ledger:
        assert await ledger.apps.list() == []
        async with store.write() as writer:
            await writer.apps.add("web", made())
        assert await ledger.apps.list() == []
    async with store.read() as ledger:
        assert len(await ledger.apps.list()) == 1


async def test_readers_do_not_wait_for_the_writer_nor_see_what_it_has_not_committed(store):
    async with store.write() as writer:
        await writer.apps.add("web", made())
        async with store.read() as one, store.read() as other:
            assert [await one.apps.list(), await other.apps.list()] == [[], []]


async def test_writers_take_turns(store):
    inside, most = 0, 0

    async def write():
        nonlocal inside, most
        async with store.write() as ledger:
            inside += 1
            most = max(most, inside)
            await ledger.leases.take("me", AT)
            inside -= 1

    await asyncio.gather(*(write() for _ in range(8)))
    assert most == 1


async def test_a_turn_that_does_not_come_is_unavailable(database, secrets):
    store = SqlStore(database, secrets, wait_s=0.02)
    async with store.run(), store.write():
        with pytest.raises(errors.StoreUnavailable, match="another write takes too long"):
            async with store.write():
                pytest.fail("two writers at once")


async def test_a_reader_too_many_is_unavailable(database, secrets):
    store = SqlStore(database, secrets, readers=1, wait_s=0.02)
    async with store.run(), store.read():
        with pytest.raises(errors.StoreUnavailable, match="all connections are in use"):
            async with store.read():
                pytest.fail("one reader too many")


async def test_a_store_that_does_not_run_is_unavailable(database, secrets):
    store = SqlStore(database, secrets)
    for transaction in (store.read, store.write):
        with pytest.raises(errors.StoreUnavailable, match="not open"):
            async with transaction():
                pytest.fail("a transaction on nothing")


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
async def test_a_write_that_is_cancelled_is_whole_or_not_there_and_the_next_one_works(store, turns):
    async def write():
        async with store.write() as ledger:
            await ledger.apps.add("web", made())
            await ledger.events.append(RACK_CHAIN, happening())

    await _cancel_after(turns, asyncio.create_task(write()))
    async with store.write() as ledger:
        assert len(await ledger.apps.list()) == len(await ledger.events.list(RACK_CHAIN, 10))
        await ledger.events.append(RACK_CHAIN, happening())


async def _cancel_after(turns, task):
    """Let the loop turn that often, then cancel, wherever the task has got to."""
    for _ in range(turns):
        await asyncio.wait([task], timeout=0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_many_writers_and_readers_keep_the_chain_whole(store):
    numbers = itertools.count()

    async def write():
        async with store.write() as ledger:
            app = await ledger.apps.add(f"app-{next(numbers)}", Made(AT, "ada"))
            await ledger.events.append(RACK_CHAIN, happening(app=app.name))

    async def read():
        async with store.read() as ledger:
            events = await ledger.events.list(RACK_CHAIN, 100)
            assert len(events) == len(await ledger.apps.list())
            assert event.first_break(reversed(events)) is None

    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(write())
            tasks.create_task(read())
            tasks.create_task(read())
