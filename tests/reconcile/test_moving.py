"""A wish for another version is carried to the launcher, and how it ended onto the record."""

import asyncio

import pytest

from sternway.core.errors import ChannelUnavailable, Unavailable
from sternway.ops import versions
from sternway.ops.changes import RACK
from sternway.ops.examination import Wish
from sternway.ports import Offer
from sternway.reconcile import moving
from tests.memory_versions import MemoryVersions
from tests.rack import rack_under_test

NEXT = "20260201000000"


async def ended(running):
    """Wait until no move is under way, and return the newest attempt."""
    async with asyncio.timeout(5):
        seen = running.rack.changes.version(RACK)
        while await versions.is_moving(running.rack):
            await running.rack.changes.wait(RACK, seen, 1)
            seen = running.rack.changes.version(RACK)
    return (await versions.history(running.rack, with_attempts=True))[0]


async def test_a_wish_reaches_the_launcher_prepared_and_its_end_the_record(running):
    running.versions.channel = [Offer(NEXT)]
    await versions.update(running.rack, Wish(NEXT), running.made("ann", "ticket 42"))
    await running.versions.handed_over.wait()
    (move,) = running.versions.moves
    assert (move.target, move.by, move.reason, move.accept_export) == (NEXT, "ann", "ticket 42", False)
    running.versions.end()
    assert (await ended(running)).status is versions.Status.ACTIVE
    assert len(running.versions.moves) == 1


@pytest.mark.parametrize("failure", [ChannelUnavailable("the channel does not answer"), RuntimeError("odd")])
async def test_what_fails_on_the_way_is_on_record_and_the_next_wish_is_heard(running, failure):
    running.versions.channel = [Offer(NEXT)]
    running.versions.failure = failure
    await versions.update(running.rack, Wish(NEXT), running.made())
    tried = await ended(running)
    assert tried.status is versions.Status.REVERTED
    assert tried.cause in ("the channel does not answer", "unexpected RuntimeError; see the log of the rack")
    running.versions.failure = None
    await versions.update(running.rack, Wish(NEXT), running.made())
    async with asyncio.timeout(5):
        await running.versions.handed_over.wait()


async def test_rows_that_came_while_it_was_fetched_stand_in_the_way(running):
    running.versions.channel = [Offer(NEXT)]
    running.versions.ready.clear()
    await versions.update(running.rack, Wish(NEXT), running.made())
    running.versions.rows = {"logins": 1}
    running.versions.ready.set()
    assert "1 of logins" in (await ended(running)).cause
    assert running.versions.moves == []


async def test_a_rack_that_was_killed_while_it_fetched_has_moved_nothing(tmp_path):
    outside = MemoryVersions(channel=[Offer(NEXT)])
    outside.ready.clear()
    async with rack_under_test(tmp_path, versions=outside) as running:
        await versions.update(running.rack, Wish(NEXT), running.made())
    async with rack_under_test(tmp_path, versions=outside, reconcile=False) as again:
        await versions.begin(again.rack)
        tried = (await versions.history(again.rack, with_attempts=True))[1]
        assert (tried.version, tried.status) == (NEXT, versions.Status.REVERTED)
        assert await moving.step(again.rack)
    assert outside.moves == []


async def test_a_rack_that_was_killed_after_the_order_records_how_it_ended(tmp_path):
    outside = MemoryVersions(channel=[Offer(NEXT)])
    async with rack_under_test(tmp_path, versions=outside) as running:
        await versions.update(running.rack, Wish(NEXT), running.made())
        await outside.handed_over.wait()
    async with rack_under_test(tmp_path, versions=outside, reconcile=False) as again:
        await versions.begin(again.rack)
        assert not await moving.step(again.rack)
        outside.end("it did not start")
        assert await moving.step(again.rack)
        tried = (await versions.history(again.rack, with_attempts=True))[0]
        assert (tried.version, tried.cause) == (NEXT, "it did not start")
    assert len(outside.moves) == 1


async def test_what_cannot_be_read_now_is_looked_at_again(running, monkeypatch):
    monkeypatch.setattr(moving, "AFTER_ERROR_S", 0)
    running.versions.channel = [Offer(NEXT)]
    problems = [Unavailable("the disk of the rack"), Unavailable("the disk of the rack")]

    async def under_way():
        if problems:
            raise problems.pop()
        return running.versions.current.target if running.versions.current else ""

    await versions.update(running.rack, Wish(NEXT), running.made())
    monkeypatch.setattr(running.versions, "under_way", under_way)
    running.rack.changes.notify(RACK)
    async with asyncio.timeout(5):
        await running.versions.handed_over.wait()


async def test_a_rack_that_is_about_to_end_begins_no_move(still):
    still.versions.channel = [Offer(NEXT)]
    await versions.update(still.rack, Wish(NEXT), still.made())
    still.rack.changes.close()
    await moving.run(still.rack)
    assert still.versions.moves == []
