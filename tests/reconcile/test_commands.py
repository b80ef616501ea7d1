"""Release commands: once before anything of a release begins, undone on the way back, found again after a crash."""

import asyncio

import pytest

from sternway.core.crossing import Crossing
from sternway.core.promotion import Promotion, PromotionOptions, PromotionStatus
from sternway.engines.memory import World
from sternway.ops import commands, preview, promotions
from sternway.ops.promotions import Back
from sternway.ports import LogLine
from sternway.router.memory import MemoryNetwork
from tests.rack import PATIENCE_S, RackUnderTest, rack_under_test

MANIFEST = """
environment:
  - GREETING=hello
services:
  web:
    command: run
    port: 3000
    volumes: [/data]
    scale: {memory: 128}
    release: migrate
    rollback: unmigrate
"""


async def launched(running: RackUnderTest, number: int):
    """Wait until so many processes ran once, and return the last."""
    await until(running, lambda: len(running.processes.launched) >= number)
    one_offs = await running.processes.one_offs("shop")
    return next(each for each in one_offs if each.exit_code is None)


async def until(running: RackUnderTest, is_reached) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_reached():
            seen = running.rack.changes.version("shop")
            if not is_reached():
                await running.rack.changes.wait("shop", seen, 0.05)


async def until_status(running: RackUnderTest, release: str, status: str) -> None:
    """Wait until the one run of a release stands so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = running.rack.changes.version("shop")
            (view,) = await commands.list_runs(running.rack, "shop", release)
            if view.run.status == status:
                return
            await running.rack.changes.wait("shop", seen, 0.1)


def say(running: RackUnderTest, process_id: str, *lines: bytes) -> None:
    at = running.rack.clock.now()
    kept = running.world.lines.setdefault("shop", [])
    kept += [LogLine(at, f"service/web/{process_id}", line) for line in lines]


async def begun(running: RackUnderTest, **build) -> tuple[str, Promotion]:
    """Build and promote a release with commands; return its id and the promotion."""
    made = await running.build(manifest=MANIFEST, **build)
    assert made.release_id
    return made.release_id, await start(running, made.release_id)


async def start(running: RackUnderTest, release_id: str, **options):
    return await promotions.promote(running.rack, "shop", release_id, PromotionOptions(**options), running.made())


async def deployed(running: RackUnderTest, source: bytes = b"archive") -> str:
    count = len(running.processes.launched)
    release, promotion = await begun(running, source=source)
    one_off = await launched(running, count + 1)
    running.processes.end("shop", one_off.state.id, 0)
    assert (await running.ended(promotion)).status is PromotionStatus.COMPLETED
    return release


async def test_nothing_of_a_release_begins_before_its_command_has_succeeded(running):
    await running.app()
    first = await running.deployed()
    there = await running.engine.observe("shop")
    release, promotion = await begun(running)
    one_off = await launched(running, 1)
    assert (one_off.service, one_off.release_id) == ("web", release)
    assert await running.engine.observe("shop") == there
    assert await running.active() == first
    running.processes.end("shop", one_off.state.id, 0)
    assert (await running.ended(promotion)).status is PromotionStatus.COMPLETED
    assert await running.active() == release


async def test_a_command_has_the_environment_limits_and_volumes_of_its_service(running):
    await running.app()
    await deployed(running)
    formation = running.processes.launched[0]
    assert formation.command == "migrate"
    assert dict(formation.environment) == {"GREETING": "hello"}
    assert formation.limits.memory_mib == 128
    assert [volume.target for volume in formation.volumes] == ["/data"]
    assert formation.port is None


async def test_a_command_that_fails_stops_the_promotion_with_its_last_line_as_the_cause(running):
    await running.app()
    first = await running.deployed()
    release, promotion = await begun(running)
    one_off = await launched(running, 1)
    say(running, one_off.state.id, b"migrating", b"no such table: notes")
    running.processes.end("shop", one_off.state.id, 3)
    ended = await running.ended(promotion)
    assert ended.status is PromotionStatus.REVERTED
    assert ended.cause == f"the release command of web ({release}) exited with code 3: no such table: notes"
    assert await running.active() == first


async def test_what_a_command_printed_is_kept(running):
    await running.app()
    release, promotion = await begun(running)
    one_off = await launched(running, 1)
    say(running, one_off.state.id, b"one", b"two")
    running.processes.end("shop", one_off.state.id, 0)
    await running.ended(promotion)
    running.world.lines.clear()
    (view,) = await commands.list_runs(running.rack, "shop", release)
    assert view.output == b"one\ntwo\n"
    assert (view.run.status, view.run.exit_code) == ("succeeded", 0)


async def test_the_steps_tell_of_the_command_and_not_its_words(running):
    await running.app()
    await deployed(running)
    promotion, *_ = await promotions.list_newest(running.rack, "shop")
    texts = [step.text for step in (await promotions.get(running.rack, "shop", promotion.id)).steps]
    assert texts[0].startswith("Running the release command of web")
    assert texts[1].startswith("Done: release command of web")
    assert not any("migrate" in text for text in texts)


async def test_a_command_that_hangs_ends_with_the_time_of_the_promotion(running):
    await running.app()
    made = await running.build(manifest=MANIFEST)
    promotion = await start(running, made.release_id, timeout_s=1)
    ended = await running.ended(promotion)
    assert ended.status is PromotionStatus.REVERTED
    assert "not finished within 0:00:01: the release command of web" in ended.cause
    await until(running, lambda: not running.world.one_offs.get("shop"))


async def test_a_cancelled_promotion_has_its_command_stopped(running):
    await running.app()
    release, promotion = await begun(running)
    await launched(running, 1)
    await promotions.cancel(running.rack, "shop", running.made())
    assert (await running.ended(promotion)).status is PromotionStatus.REVERTED
    await until(running, lambda: not running.world.one_offs.get("shop"))
    await until_status(running, release, "stopped")


async def test_a_rollback_supersedes_and_stops_a_command_that_runs(running):
    await running.app()
    first = await running.deployed()
    release, promotion = await begun(running)
    await launched(running, 1)
    back = await running.rolled_back(first)
    assert back.status is PromotionStatus.COMPLETED
    assert (await running.ended(promotion)).status is PromotionStatus.SUPERSEDED
    await until_status(running, release, "stopped")


async def test_going_back_runs_no_command_unless_it_is_asked_for(running):
    await running.app()
    first = await deployed(running)
    await deployed(running, b"second")
    assert (await running.rolled_back(first)).status is PromotionStatus.COMPLETED
    assert len(running.processes.launched) == 2


async def back(running, release_id, *codes):
    """Roll back with the commands that undo, each of which ends with one of these codes."""
    options = PromotionOptions(run_rollback_commands=True)
    count = len(running.processes.launched)
    _, promotion = await promotions.rollback(running.rack, "shop", release_id, options, running.made())
    for number, code in enumerate(codes, 1):
        one_off = await launched(running, count + number)
        running.processes.end("shop", one_off.state.id, code)
    return await running.ended(promotion)


async def test_going_back_undoes_what_is_newer_with_the_newest_first_and_by_its_own_artifact(running):
    await running.app()
    first, second, third = [await deployed(running, source) for source in (b"1", b"2", b"3")]
    assert (await back(running, first, 0, 0)).status is PromotionStatus.COMPLETED
    undone = running.processes.launched[3:]
    assert [each.release_id for each in undone] == [third, second]
    assert {each.command for each in undone} == {"unmigrate"}
    assert [each.artifact for each in undone] == [each.artifact for each in running.processes.launched[2:0:-1]]


async def test_a_rollback_command_that_fails_stops_the_rollback_and_what_was_undone_is_not_undone_again(running):
    await running.app()
    first, second, third = [await deployed(running, source) for source in (b"1", b"2", b"3")]
    failed = await back(running, first, 0, 1)
    assert failed.status is PromotionStatus.REVERTED
    assert f"rollback command of web ({second}) exited with code 1" in failed.cause
    assert await running.active() == third
    assert (await back(running, first, 0)).status is PromotionStatus.COMPLETED
    assert [each.release_id for each in running.processes.launched[3:]] == [third, second, second]


async def test_what_was_undone_is_done_again_on_the_way_forth(running):
    await running.app()
    first, second = [await deployed(running, source) for source in (b"1", b"2")]
    await back(running, first, 0)
    assert (await back(running, second, 0)).status is PromotionStatus.COMPLETED
    assert running.processes.launched[-1].command == "migrate"


async def test_a_preview_lists_what_a_rollback_then_runs(running):
    await running.app()
    first, second, third = [await deployed(running, source) for source in (b"1", b"2", b"3")]
    looked = await preview.preview(running.rack, "shop", Back(first), running.made())
    assert [(c.command.release_id, c.text) for c in looked.commands] == [(third, "unmigrate"), (second, "unmigrate")]
    await back(running, first, 0, 0)
    looked = await preview.preview(running.rack, "shop", Back(second), running.made())
    assert [(c.command.kind, c.command.release_id, c.text) for c in looked.commands] == [("release", second, "migrate")]


async def test_a_release_without_commands_asks_the_store_for_none(running, monkeypatch):
    from sternway.store.commands import SqlCommandRuns

    await running.app()
    first = await running.deployed()
    await running.deployed(source=b"second")

    def refuse(*_):
        raise AssertionError("asked")

    for name in ("of", "history", "list_open"):
        monkeypatch.setattr(SqlCommandRuns, name, refuse)
    assert (await running.rolled_back(first)).status is PromotionStatus.COMPLETED


async def test_a_command_that_was_launched_goes_on_under_the_next_rack(tmp_path):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path, world=world, network=network) as first:
        await first.app()
        _, promotion = await begun(first)
        one_off = await launched(first, 1)
    async with rack_under_test(tmp_path, world=world, network=network) as second:
        second.processes.end("shop", one_off.state.id, 0)
        assert (await second.ended(promotion)).status is PromotionStatus.COMPLETED
        assert second.processes.launched == []


@pytest.mark.parametrize("crossing", [Crossing.COMMAND_BEGUN, Crossing.COMMAND_LAUNCHED, Crossing.COMMAND_LOGGED])
async def test_a_worker_that_fails_around_a_command_starts_it_once(tmp_path, crossing):
    left = [crossing]

    def fail(passed: Crossing) -> None:
        if passed in left:
            left.remove(passed)
            raise RuntimeError(passed)

    async with rack_under_test(tmp_path, cross=fail) as running:
        await running.app()
        await deployed(running)
        assert not left
        assert len(running.processes.launched) == 1
