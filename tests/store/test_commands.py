"""Runs of release commands in the ledger, and what they say about the history."""

from dataclasses import replace

from sternway.core.command import Command, CommandKind, CommandRun, Effect, Reached, RunStatus
from sternway.core.promotion import PromotionOptions, PromotionStatus
from tests.store import samples
from tests.store.samples import AT, later, made

UNDOING = PromotionOptions(run_rollback_commands=True)


async def deployed(ledger, app, status=PromotionStatus.COMPLETED):
    """Add a build with a release, and a promotion of it that ended so."""
    build = samples.build(app)
    await ledger.builds.add(build)
    release = await samples.added_release(ledger, app, build_id=build.id)
    return release, await promoted(ledger, app, release, status)


async def promoted(ledger, app, release, status=PromotionStatus.COMPLETED):
    promotion = await ledger.promotions.add(app, release, PromotionOptions(), made())
    return await ledger.promotions.record(promotion, status, later(1))


def run_of(promotion, release, kind=CommandKind.RELEASE, status=RunStatus.BEGUN):
    return CommandRun(promotion.id, Command(kind, release.id, "web"), status, AT)


async def test_a_run_stands_as_its_newest_record_says(ledger, app):
    release, promotion = await deployed(ledger, app)
    begun = run_of(promotion, release)
    ended = replace(begun, status=RunStatus.FAILED, process_id="p", exit_code=3, cause="no", at=later(2))
    for run in (begun, ended):
        await ledger.commands.record(app, run)
    assert await ledger.commands.of(promotion.id) == [ended]
    assert await ledger.commands.of_release(app, release.id) == [ended]


async def test_a_run_is_open_until_a_record_says_how_it_ended(ledger, app):
    release, promotion = await deployed(ledger, app)
    begun = run_of(promotion, release)
    running = replace(begun, status=RunStatus.RUNNING, process_id="p")
    for run, left in ((begun, [begun]), (running, [running]), (replace(running, status=RunStatus.STOPPED), [])):
        await ledger.commands.record(app, run)
        assert await ledger.commands.list_open(app) == left


async def test_the_wish_to_undo_reads_back(ledger, app):
    release = await samples.added_release(ledger, app)
    promotion = await ledger.promotions.add(app, release, UNDOING, made())
    assert (await ledger.promotions.get(app, promotion.id)).options == UNDOING


async def test_the_history_has_what_is_newer_and_was_active_each_build_once(ledger, app):
    first, one = await deployed(ledger, app)
    second, _ = await deployed(ledger, app)
    await deployed(ledger, app, PromotionStatus.REVERTED)
    again = await samples.added_release(ledger, app, build_id=second.build_id)
    three = await promoted(ledger, app, again)
    found = await ledger.commands.history(app, first)
    assert (found.own.release_id, found.own.build_id, found.own.promotion_id) == (first.id, first.build_id, one.id)
    (newer,) = found.newer
    assert newer == Reached(again.id, second.build_id, newer.order, three.id)
    assert newer.order > found.own.order
    assert (await ledger.commands.history(app, again)).newer == ()


async def test_the_history_has_what_never_got_active_where_its_command_ended_well(ledger, app):
    first, _ = await deployed(ledger, app)
    failed, promotion = await deployed(ledger, app, PromotionStatus.REVERTED)
    await ledger.commands.record(app, run_of(promotion, failed, status=RunStatus.SUCCEEDED))
    found = await ledger.commands.history(app, first)
    assert [(each.release_id, each.promotion_id) for each in found.newer] == [(failed.id, 0)]
    assert found.effects == (Effect(failed.build_id, "web", CommandKind.RELEASE, promotion.id),)


async def test_another_app_has_a_history_of_its_own(ledger, app):
    first, _ = await deployed(ledger, app)
    other = await ledger.apps.add("other", made())
    await deployed(ledger, other)
    assert (await ledger.commands.history(app, first)).newer == ()
