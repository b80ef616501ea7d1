"""Promote, roll back, cancel: what is refused, what is recorded, and that refusing changes nothing."""

import asyncio

import pytest

from sternway.core.errors import ArtifactGone, EnvironmentMissing, InvalidInput, NotFound, Refused
from sternway.core.event import app_chain, first_break
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.ops import builds, promotions, releases, situation

OPTIONS = PromotionOptions()


async def test_a_rollback_is_a_copy_on_top_of_the_list_with_its_environment(running):
    await running.app()
    first = await running.deployed()
    await running.promoted((await running.release(env_text="GREETING=two")).id)
    copy, promotion = await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made(reason="bad"))
    await running.ended(promotion)
    newest, *_ = await releases.list_newest(running.rack, "shop")
    assert newest.id == copy.id == await running.active()
    assert (copy.copy_of, copy.is_rollback) == (first, True)
    assert copy.environment == (await releases.get(running.rack, "shop", first)).environment
    assert newest.made.reason == "bad"


async def test_a_copy_made_by_hand_gets_the_same_mark(running):
    await running.app()
    first = await running.deployed()
    await running.release(env_text="GREETING=two")
    original = await releases.get(running.rack, "shop", first)
    copy = await running.release(build_id=original.build_id, env_text="")
    assert (copy.copy_of, copy.is_rollback) == (first, True)
    assert copy.description.startswith(f"rollback to {first}")


async def test_a_copy_of_the_newest_release_is_no_rollback(running):
    await running.app()
    first = await running.deployed()
    original = await releases.get(running.rack, "shop", first)
    copy = await running.release(build_id=original.build_id, env_text=original.environment.text())
    assert (copy.copy_of, copy.is_rollback) == (first, False)


async def test_a_rollback_supersedes_a_promotion_that_runs(running):
    await running.app()
    first = await running.deployed()
    slow = await running.release(env_text="GREETING=slow")
    await running.hold(slow.id)
    stuck = await promotions.promote(running.rack, "shop", slow.id, OPTIONS, running.made())
    _, back = await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made())
    assert (await running.ended(back)).status is PromotionStatus.COMPLETED
    view = await promotions.get(running.rack, "shop", stuck.id)
    assert view.promotion.status is PromotionStatus.SUPERSEDED


async def test_a_second_promotion_is_refused_and_the_first_goes_on(running):
    await running.app()
    await running.deployed()
    one, two = await running.release(env_text="GREETING=1"), await running.release(env_text="GREETING=2")
    await running.hold(one.id)
    stuck = await promotions.promote(running.rack, "shop", one.id, OPTIONS, running.made())
    with pytest.raises(Refused):
        await promotions.promote(running.rack, "shop", two.id, OPTIONS, running.made())
    await running.let_go(one.id)
    assert (await running.ended(stuck)).status is PromotionStatus.COMPLETED


async def test_an_unknown_release_is_not_found(running):
    await running.app()
    with pytest.raises(NotFound, match="release not found"):
        await promotions.rollback(running.rack, "shop", "RNOTTHEREXX", OPTIONS, running.made())


async def test_a_rollback_to_what_is_gone_is_refused_with_the_releases_that_are_left(running):
    await running.app()
    lost, left = await running.deployed(), await running.deployed(source=b"other")
    build_id = (await releases.get(running.rack, "shop", lost)).build_id
    assert build_id
    build = await builds.get(running.rack, "shop", build_id)
    running.builder.gone |= set(build.artifacts.values())
    with pytest.raises(ArtifactGone, match=f"^release {lost} cannot run: memory:{build.id}") as caught:
        await promotions.rollback(running.rack, "shop", lost, OPTIONS, running.made())
    assert caught.value.hint == f"still there: {left}; take one: sternway releases rollback {left} -a shop"
    assert [line.id for line in await releases.list_newest(running.rack, "shop")] == [left, lost]
    assert len(await promotions.list_newest(running.rack, "shop")) == 2


async def test_a_rollback_to_what_is_gone_where_nothing_is_left_says_to_build_again(running):
    await running.app()
    lost = await running.deployed()
    build, *_ = await builds.list_newest(running.rack, "shop")
    running.builder.gone |= set(build.artifacts.values())
    with pytest.raises(ArtifactGone) as caught:
        await promotions.rollback(running.rack, "shop", lost, OPTIONS, running.made())
    assert caught.value.hint == "build again"


async def test_a_refused_rollback_leaves_no_copy(running):
    await running.app()
    first = await running.deployed()
    build, *_ = await builds.list_newest(running.rack, "shop")
    running.builder.gone |= set(build.artifacts.values())
    with pytest.raises(ArtifactGone):
        await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made())
    assert len(await releases.list_newest(running.rack, "shop")) == 1


async def test_a_release_without_a_build_is_refused(running):
    await running.app()
    release = await running.release(env_text="A=1")
    with pytest.raises(InvalidInput, match="has no build"):
        await promotions.promote(running.rack, "shop", release.id, OPTIONS, running.made())


async def test_missing_variables_are_named_before_anything_starts(running):
    await running.app()
    build = await running.build(manifest="services:\n  web:\n    port: 80\n    environment: [TOKEN, KEY]\n")
    with pytest.raises(EnvironmentMissing, match="required env: KEY, TOKEN"):
        await promotions.promote(running.rack, "shop", build.release_id, OPTIONS, running.made())
    assert await promotions.list_newest(running.rack, "shop") == []


async def test_cancel_brings_the_release_before_back(running):
    await running.app()
    first = await running.deployed()
    slow = await running.release(env_text="GREETING=slow")
    await running.hold(slow.id)
    stuck = await promotions.promote(running.rack, "shop", slow.id, OPTIONS, running.made())
    await promotions.cancel(running.rack, "shop", running.made("bob"))
    assert (await running.ended(stuck)).status is PromotionStatus.REVERTED
    assert await running.active() == first
    with pytest.raises(Refused):
        await promotions.cancel(running.rack, "shop", running.made())


async def test_every_change_is_in_the_chain_of_the_app(running):
    await running.app()
    first = await running.deployed()
    await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made())
    async with running.rack.store.read() as ledger:
        app = await ledger.apps.get("shop")
        events = await ledger.events.list(app_chain(app.id), 100)
    assert first_break(reversed(events)) is None
    bodies = b"".join(event.body for event in events)
    for action in (b"app:create", b"build:create", b"release:create", b"release:promote", b"app:promote:completed"):
        assert action in bodies


@pytest.mark.parametrize("back", [True, False], ids=["rollback", "promotion"])
async def test_the_worker_is_told_what_the_rows_say(running, monkeypatch, back):
    await running.app()
    first = await running.deployed()
    await running.promoted((await running.release(env_text="GREETING=two")).id)
    third, changes, compared = await running.release(env_text="GREETING=3"), running.rack.changes, []
    hand_over = changes.hand_over

    async def compare(topic, told):
        compared.append((told.situation, await situation.read(running.rack, topic)))
        await hand_over(topic, told)

    monkeypatch.setattr(changes, "hand_over", compare)
    if back:
        await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made())
    else:
        await promotions.promote(running.rack, "shop", third.id, OPTIONS, running.made())
    ((told, read),) = compared
    assert told == read


async def test_what_was_told_is_forgotten_with_the_next_notification(running):
    changes = running.rack.changes
    await changes.hand_over("other", "what is written")
    changes.notify("other")
    assert changes.told("other") is None


async def test_what_stands_by_is_examined_while_the_rollback_is_written_and_not_again(running, monkeypatch):
    await running.app()
    first = await running.deployed()
    await running.promoted((await running.release(env_text="GREETING=two")).id)
    engine, asked = running.rack.engine, []
    examine = engine.examine

    async def counted(key):
        asked.append(key.service)
        await examine(key)

    monkeypatch.setattr(engine, "examine", counted)
    _, promotion = await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made())
    assert (await running.ended(promotion)).status is PromotionStatus.COMPLETED
    assert sorted(asked) == sorted(set(asked)) != []


async def test_a_look_that_has_not_ended_keeps_no_rollback_waiting(running, monkeypatch):
    await running.app()
    first = await running.deployed()
    await running.promoted((await running.release(env_text="GREETING=two")).id)
    engine, begun, may_end = running.rack.engine, [], asyncio.Event()
    examine = engine.examine

    async def slow(key):
        begun.append(key)
        await may_end.wait()
        await examine(key)

    monkeypatch.setattr(engine, "examine", slow)
    _, promotion = await promotions.rollback(running.rack, "shop", first, OPTIONS, running.made())
    assert begun
    may_end.set()
    assert (await running.ended(promotion)).status is PromotionStatus.COMPLETED
