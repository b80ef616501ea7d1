"""The worker: what runs becomes what the ledger says, whatever happens on the way."""

from sternway.core.formation import Health
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.engines.memory import World
from sternway.ops import apps, processes, promotions, situation
from sternway.ops.rack import Rack
from sternway.ops.situation import Situation
from sternway.router.memory import MemoryNetwork
from tests.rack import MANIFEST, rack_under_test

HOST = "web.shop.localhost"


async def fingerprints(running, app: str = "shop") -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for formation in await running.engine.observe(app):
        found.setdefault(formation.key.service, set()).add(formation.key.fingerprint)
    return found


async def test_a_promoted_release_runs_and_takes_requests(running):
    await running.app()
    release = await running.deployed()
    assert await running.active() == release
    with running.router.network.request(HOST) as member:
        assert member.formation.service == "web"
    views = await processes.list_running(running.rack, "shop")
    assert {view.service for view in views} == {"web", "worker"}
    assert {view.release_id for view in views} == {release}


async def test_a_release_that_does_not_get_healthy_changes_nothing_that_is_visible(running):
    await running.app()
    first = await running.deployed()
    before = await running.router.observe("shop")
    bad = await running.release(env_text="GREETING=bad")
    await running.fail(bad.id, "exited with code 1: no such module")
    promotion = await running.promoted(bad.id)
    assert promotion.status is PromotionStatus.REVERTED
    assert "no such module" in promotion.cause
    assert await running.active() == first
    assert await running.router.observe("shop") == before


async def test_the_steps_of_a_promotion_tell_what_happened(running):
    await running.app()
    await running.deployed()
    promotion, *_ = await promotions.list_newest(running.rack, "shop")
    view = await promotions.get(running.rack, "shop", promotion.id)
    texts = [step.text for step in view.steps]
    assert texts[0].startswith("Starting web")
    assert any(text.startswith("Switching traffic: web") for text in texts)
    assert texts[-1].endswith("is active")


async def test_a_first_release_that_fails_leaves_nothing_running(running):
    await running.app()
    build = await running.build()
    await running.fail(build.release_id, "exited with code 1")
    promotion = await running.promoted(build.release_id)
    assert promotion.status is PromotionStatus.REVERTED
    assert await running.active() is None
    assert await running.router.observe("shop") == ()


async def test_a_rollout_that_takes_too_long_reverts(running):
    await running.app()
    first = await running.deployed()
    slow = await running.release(env_text="GREETING=slow")
    await running.hold(slow.id)
    promotion = await running.promoted(slow.id, timeout_s=1)
    assert promotion.status is PromotionStatus.REVERTED
    assert "not finished within" in promotion.cause
    assert await running.active() == first


async def test_a_change_of_scale_alone_starts_and_stops_processes(running):
    await running.app()
    await running.deployed()
    await processes.scale(running.rack, "shop", "web", 3, running.made())
    await running.until("shop", lambda states: sum(len(s.processes) for s in states) == 4)
    await processes.scale(running.rack, "shop", "web", 1, running.made())
    await running.until("shop", lambda states: sum(len(s.processes) for s in states) == 2)


async def test_a_deleted_app_is_taken_down_and_its_name_is_free_again(running):
    await running.app()
    await running.deployed()
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    assert await running.engine.observe("shop") == ()
    assert await running.router.observe("shop") == ()
    await running.app()
    assert (await apps.get(running.rack, "shop")).active_id is None


async def test_a_restarted_rack_touches_nothing_that_runs(tmp_path):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path, world=world, network=network) as first:
        await first.app()
        await first.deployed()
        before = await first.engine.observe("shop")
        applied = network.applied
    async with rack_under_test(tmp_path, world=world, network=network) as second:
        await processes.scale(second.rack, "shop", "worker", 2, second.made())
        await second.until("shop", lambda states: sum(len(s.processes) for s in states) == 3)
        after = await second.engine.observe("shop")
    assert {p.id for s in before for p in s.processes} <= {p.id for s in after for p in s.processes}
    assert network.applied == applied


async def test_a_promotion_that_was_cut_off_is_finished_by_the_next_rack(tmp_path):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path, world=world, network=network) as first:
        await first.app()
        build = await first.build()
    async with rack_under_test(tmp_path, world=world, network=network, reconcile=False) as cut:
        promotion = await promotions.promote(cut.rack, "shop", build.release_id or "", PromotionOptions(), cut.made())
    async with rack_under_test(tmp_path, world=world, network=network) as second:
        assert (await second.ended(promotion)).status is PromotionStatus.COMPLETED
        assert await second.active() == build.release_id


async def test_an_engine_that_is_down_is_waited_for_and_nothing_is_switched(running):
    await running.app()
    await running.deployed()
    before = dict(running.router.network.routes)
    running.world.is_down = True
    release = await running.release(env_text="GREETING=two")
    promotion = await promotions.promote(running.rack, "shop", release.id, PromotionOptions(), running.made())
    assert running.router.network.routes == before
    running.world.is_down = False
    assert (await running.ended(promotion)).status is PromotionStatus.COMPLETED


async def test_an_unchanged_service_keeps_its_processes_over_a_promotion(running):
    manifest = MANIFEST.replace("command: work", "command: work\n    environment: [ONLY_HERE=1]")
    await running.app()
    await running.deployed(manifest=manifest)
    before = await fingerprints(running)
    await running.promoted((await running.release(env_text="ONLY_HERE=2")).id)
    after = await fingerprints(running)
    assert after["web"] == before["web"]
    assert after["worker"] != before["worker"]


async def test_rows_are_read_again_when_somebody_wrote_and_not_for_each_process_that_changes(running, monkeypatch):
    await running.app()
    await running.deployed()
    read: list[str] = []
    before = situation.read

    async def counted(rack: Rack, name: str) -> Situation:
        read.append(name)
        return await before(rack, name)

    monkeypatch.setattr(situation, "read", counted)
    rolled_out = await running.release(env_text="GREETING=two")
    written = running.rack.changes.version("shop")
    assert (await running.promoted(rolled_out.id)).status is PromotionStatus.COMPLETED
    assert 0 < len(read) <= running.rack.changes.version("shop") - written + 1


async def test_a_host_of_another_app_fails_the_release_that_asks_for_it_at_once(running):
    for name in ("one", "two"):
        await running.app(name)
    manifest = "services:\n  web:\n    port: 3000\n    domain: shop.example.org\n"
    await running.deployed("one", manifest=manifest)
    build = await running.build("two", manifest=manifest)
    promotion = await running.promoted(build.release_id, "two")
    assert promotion.status is PromotionStatus.REVERTED
    assert "shop.example.org" in promotion.cause
    assert [route.hosts for route in await running.router.observe("one")] == [("web.one.localhost", "shop.example.org")]


# --- standby ---


async def frozen(running) -> set[Health]:
    return {p.health for s in await running.engine.observe("shop") if s.key.service == "worker" for p in s.processes}


async def test_what_was_replaced_stands_by_and_going_back_starts_nothing(running):
    await running.app()
    first = await running.deployed()
    second = await running.release(env_text="GREETING=new")
    await running.promoted(second.id)
    assert {service: len(found) for service, found in (await fingerprints(running)).items()} == {"web": 2, "worker": 2}
    assert await frozen(running) == {Health.HEALTHY, Health.FROZEN}
    started = len(running.engine.world.starts)
    promotion = await running.rolled_back(first)
    assert await running.active() == promotion.release_id
    assert len(running.engine.world.starts) == started


async def test_what_stands_by_shows_as_such(running):
    await running.app()
    first = await running.deployed()
    second = await running.release(env_text="GREETING=new")
    await running.promoted(second.id)
    views = await processes.list_running(running.rack, "shop")
    assert {(view.service, view.release_id, view.stands_by) for view in views} == {
        ("web", first, True),
        ("worker", first, True),
        ("web", second.id, False),
        ("worker", second.id, False),
    }
    assert {view.name: view.running for view in await processes.services(running.rack, "shop")} == {
        "web": 1,
        "worker": 1,
    }


async def test_nothing_stands_by_where_the_app_says_so(running):
    await running.app()
    await apps.update(running.rack, "shop", running.made(), parameters={"Standby": "off"})
    await running.deployed()
    second = await running.release(env_text="GREETING=new")
    await running.promoted(second.id)
    await running.until("shop", lambda states: len(states) == 2)


async def test_as_many_releases_stand_by_as_the_app_says(running):
    await running.app()
    await apps.update(running.rack, "shop", running.made(), parameters={"Standby": "2"})
    releases = [await running.deployed()]
    for number in range(3):
        release = await running.release(env_text=f"GREETING={number}")
        await running.promoted(release.id)
        releases.append(release.id)
    await running.until("shop", lambda states: {s.release_id for s in states} == set(releases[1:]))


async def test_what_stood_by_and_hangs_is_started_anew(running):
    await running.app()
    first = await running.deployed()
    (key,) = [s.key for s in await running.engine.observe("shop") if s.key.service == "web"]
    second = await running.release(env_text="GREETING=new")
    await running.promoted(second.id)
    before = {p.id for s in await running.engine.observe("shop") for p in s.processes}
    running.engine.world.hanging.add(key.fingerprint)
    promotion = await running.rolled_back(first)
    assert promotion.status is PromotionStatus.COMPLETED
    (there,) = [s for s in await running.engine.observe("shop") if s.key == key]
    assert {p.id for p in there.processes} & before == set()


async def test_a_restarted_rack_knows_what_stands_by(tmp_path):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path, world=world, network=network) as first:
        await first.app()
        await first.deployed()
        await first.promoted((await first.release(env_text="GREETING=new")).id)
        before = await first.engine.observe("shop")
    async with rack_under_test(tmp_path, world=world, network=network) as second:
        await processes.scale(second.rack, "shop", "web", 2, second.made())
        await second.until("shop", lambda states: sum(len(s.processes) for s in states) == 5)
        after = await second.engine.observe("shop")
    assert {p.id for s in before for p in s.processes} <= {p.id for s in after for p in s.processes}


async def test_a_deleted_app_leaves_nothing_that_stands_by(running):
    await running.app()
    await running.deployed()
    await running.promoted((await running.release(env_text="GREETING=new")).id)
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    assert await running.engine.observe("shop") == ()
