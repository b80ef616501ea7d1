"""Versions of the rack: their history, and what a wish for another one ends with."""

from dataclasses import replace

import pytest

from sternway.core.errors import ChannelUnavailable, Conflict, Corrupt, InvalidInput, NotFound, Refused, Unsupported
from sternway.ops import versions
from sternway.ops.examination import Wish
from sternway.ports import Offer
from tests.memory_versions import MemoryVersions
from tests.rack import RackUnderTest

FIRST, NEXT, LAST = "20260101000000", "20260201000000", "20260301000000-labelled"
"""A rack under test is the first."""


@pytest.fixture
def outside(still: RackUnderTest) -> MemoryVersions:
    still.versions.channel = [Offer(LAST), Offer(NEXT)]
    return still.versions


async def moved(still: RackUnderTest, version: str, cause: str = "") -> None:
    """Have the rack moved as its parts would, with a launcher that is done at once."""
    await versions.update(still.rack, Wish(version), still.made("ann", "ticket 42"))
    move = await versions.wished(still.rack)
    assert move
    await still.versions.order(move)
    still.versions.end(cause)
    await versions.record_outcomes(still.rack)


def as_version(still: RackUnderTest, version: str) -> RackUnderTest:
    return replace(still, rack=replace(still.rack, settings=replace(still.rack.settings, version=version)))


async def listed(still: RackUnderTest, *, everything: bool = False) -> list[tuple[str, str]]:
    lines = await versions.history(still.rack, with_attempts=everything)
    return [(line.version, line.status) for line in lines]


async def test_a_version_is_recorded_when_it_is_another_one(still):
    for version in (FIRST, FIRST, NEXT, FIRST):
        await versions.begin(as_version(still, version).rack)
    assert await listed(still) == [(FIRST, "active"), (NEXT, ""), (FIRST, "")]


async def test_a_move_is_recorded_with_who_and_why_once_it_is_done(still, outside):
    await versions.begin(still.rack)
    await moved(still, NEXT)
    assert await listed(still) == [(NEXT, "active"), (FIRST, "")]
    newest = (await versions.history(still.rack))[0]
    assert (newest.by, newest.reason) == ("ann", "ticket 42")
    assert newest.at.isoformat() == "2026-06-01T12:00:00+00:00"


async def test_a_version_that_is_being_tried_is_not_recorded_as_active(still, outside):
    await versions.begin(still.rack)
    await versions.update(still.rack, Wish(NEXT), still.made())
    await outside.order(await versions.wished(still.rack))
    await versions.begin(as_version(still, NEXT).rack)
    assert await listed(still, everything=True) == [(NEXT, "updating"), (FIRST, "active")]
    assert await versions.is_moving(still.rack)


async def test_a_move_that_was_turned_back_is_an_attempt_with_a_cause(still, outside):
    await versions.begin(still.rack)
    await moved(still, NEXT, "not healthy within 60 s")
    assert await listed(still) == [(FIRST, "active")]
    assert await listed(still, everything=True) == [(NEXT, "reverted"), (FIRST, "active")]
    assert (await versions.history(still.rack, with_attempts=True))[0].cause == "not healthy within 60 s"


async def test_an_outcome_that_was_recorded_before_a_crash_is_recorded_once(still, outside, monkeypatch):
    await versions.update(still.rack, Wish(NEXT), still.made())
    await outside.order(await versions.wished(still.rack))
    told = outside.end()
    await versions.record_outcomes(still.rack)
    outside.ended.append(told)
    await versions.begin(as_version(still, NEXT).rack)
    assert await listed(still, everything=True) == [(NEXT, "active")]
    assert outside.ended == []


async def test_a_wish_that_a_crash_cut_off_has_failed_at_the_next_start(still, outside):
    await versions.begin(still.rack)
    await versions.update(still.rack, Wish(NEXT), still.made("ann"))
    await versions.begin(still.rack)
    tried = (await versions.history(still.rack, with_attempts=True))[0]
    assert (tried.version, tried.status, tried.by) == (NEXT, "reverted", "ann")
    assert tried.cause == "the rack ended before anything was done"
    assert not await versions.is_moving(still.rack)


async def test_without_a_name_the_newest_of_the_channel_is_meant(still, outside):
    outside.installed = [Offer("20270101000000", is_installed=True)]
    assert (await versions.update(still.rack, Wish(), still.made())).version == LAST


async def test_the_newest_is_never_a_yanked_one(still, outside):
    outside.channel = [Offer(LAST, yanked="broken"), Offer(NEXT)]
    assert (await versions.update(still.rack, Wish(), still.made())).version == NEXT


async def test_going_back_is_to_the_one_before_and_going_back_again_returns(still, outside):
    outside.installed = [Offer(FIRST), Offer(NEXT), Offer(LAST)]
    await versions.begin(still.rack)
    for version in (NEXT, LAST):
        await moved(still, version)
    on_last = as_version(still, LAST)
    await moved(on_last, versions.PREVIOUS)
    assert (await listed(still))[0] == (NEXT, "active")
    await moved(as_version(still, NEXT), versions.PREVIOUS)
    assert [version for version, _ in await listed(still)] == [LAST, NEXT, LAST, NEXT, FIRST]


async def test_a_rack_that_had_one_version_has_none_to_go_back_to(still, outside):
    await versions.begin(still.rack)
    with pytest.raises(Refused, match="no other version"):
        await versions.update(still.rack, Wish(versions.PREVIOUS), still.made())


async def test_what_is_installed_can_be_had_without_the_channel(still, outside):
    outside.installed = [Offer(NEXT, is_installed=True)]
    outside.trouble = ChannelUnavailable("the channel does not answer")
    assert (await versions.update(still.rack, Wish(NEXT), still.made())).version == NEXT


async def test_what_is_not_installed_fails_with_what_the_channel_fails_with(still, outside):
    outside.trouble = ChannelUnavailable("the channel does not answer")
    for wished in (LAST, ""):
        with pytest.raises(ChannelUnavailable):
            await versions.update(still.rack, Wish(wished), still.made())
    assert not await versions.is_moving(still.rack)


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        (Wish("20261231000000"), NotFound, "version not found"),
        (Wish(FIRST), Conflict, "active already"),
        (Wish("newest"), InvalidInput, "YYYYMMDDhhmmss"),
        (Wish(NEXT), Refused, "yanked: loses logs"),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_no_trace(still, outside, wish, error, words):
    outside.channel = [Offer(NEXT, yanked="loses logs"), Offer(FIRST)]
    with pytest.raises(error, match=words):
        await versions.update(still.rack, wish, still.made())
    assert await listed(still, everything=True) == []


async def test_a_yanked_version_can_be_forced(still, outside):
    outside.channel = [Offer(NEXT, yanked="loses logs")]
    assert (await versions.update(still.rack, Wish(NEXT, force=True), still.made())).version == NEXT


async def test_one_move_at_a_time(still, outside):
    await versions.update(still.rack, Wish(NEXT), still.made())
    with pytest.raises(Refused, match="is being moved"):
        await versions.update(still.rack, Wish(LAST), still.made())
    await outside.order(await versions.wished(still.rack))
    with pytest.raises(Refused, match=f"is being moved to {NEXT}"):
        await versions.update(still.rack, Wish(LAST), still.made())


async def test_without_a_launcher_nothing_moves(still, outside):
    outside.is_launched = False
    with pytest.raises(Unsupported, match="without its launcher"):
        await versions.update(still.rack, Wish(NEXT), still.made())


async def test_rows_that_it_cannot_hold_have_to_be_given_up_in_words(still, outside):
    outside.rows = {"logins": 2, "parameters": 1}
    with pytest.raises(Refused, match="2 of logins, 1 of parameters"):
        await versions.update(still.rack, Wish(NEXT), still.made())
    await versions.update(still.rack, Wish(NEXT, accept_export=True), still.made())
    move = await versions.wished(still.rack)
    assert move
    assert move.accept_export


async def test_a_look_says_for_each_thing_what_was_found_and_changes_nothing(still, outside):
    outside.rows = {"logins": 2}
    checks = await versions.check(still.rack, Wish(NEXT, accept_export=True))
    assert [(check.name, check.found) for check in checks] == [
        ("launcher", "it can move this rack"),
        ("other moves", "none is under way"),
        ("version", f"{NEXT}, in the channel"),
        ("active version", FIRST),
        ("yanked", "no"),
        ("store", "rows that it cannot hold are exported: 2 of logins"),
    ]
    assert not await versions.is_moving(still.rack)


async def test_three_versions_before_the_active_one_are_kept(still, outside):
    names = [f"2026{month:02}01000000" for month in range(2, 8)]
    outside.channel = [Offer(name) for name in names]
    await versions.begin(still.rack)
    for name in names:
        await moved(still, name)
    assert outside.kept_versions == names[:1:-1]


async def test_old_versions_that_cannot_be_removed_hold_nothing_up(still, outside, monkeypatch):
    async def keep(_):
        raise Corrupt("version 20251201000000 is not as it was installed")

    monkeypatch.setattr(outside, "keep", keep)
    await moved(still, NEXT)
    assert await listed(still) == [(NEXT, "active")]
