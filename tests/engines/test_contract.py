"""The contract of engines, sentence by sentence, on every engine that can run here."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.errors import EngineUnavailable, NotFound, StaleEpoch
from sternway.core.formation import Formation, FormationKey, Health
from tests.engines.bench import (
    APP,
    COUNT,
    Bench,
    DockerBench,
    MemoryBench,
    ProcessBench,
    healthy,
    ids,
    processes,
    until,
)


@pytest.fixture(params=["memory", "process", "docker"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = bench_of(request, tmp_path)
    yield bench
    await bench.clear()


@pytest.fixture(params=["process", "docker"])
async def living(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ProcessBench | DockerBench]:
    """An engine whose processes really run."""
    bench = bench_of(request, tmp_path)
    assert not isinstance(bench, MemoryBench)
    yield bench
    await bench.clear()


def bench_of(request: pytest.FixtureRequest, directory: Path) -> Bench:
    if request.param == "process":
        return ProcessBench(directory / "data")
    if request.param == "docker":
        host, image, rack = map(request.getfixturevalue, ("docker_host", "busybox", "docker_rack"))
        return DockerBench(host, directory, image, rack)
    return MemoryBench()


async def test_nothing_is_there_before_a_start(bench: Bench):
    engine = await bench.start()
    assert await engine.observe(APP) == ()


async def test_an_engine_that_does_not_run_says_so_instead_of_showing_nothing(bench: Bench):
    with pytest.raises(EngineUnavailable):
        await bench.idle().observe(APP)
    with pytest.raises(EngineUnavailable):
        await bench.idle().ensure(bench.formation(), 1, epoch=1)


async def test_an_ensured_formation_is_there_at_once(bench: Bench):
    engine, wanted = await bench.start(), bench.held(bench.formation())
    await engine.ensure(wanted, 2, epoch=1)
    (there,) = await engine.observe(APP)
    assert (there.key, there.release_id) == (wanted.key, wanted.release_id)
    assert [(p.slot, p.health, p.exits) for p in there.processes] == [
        (0, Health.STARTING, 0),
        (1, Health.STARTING, 0),
    ]


async def test_a_process_gets_healthy(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 1, epoch=1)
    (process,) = await healthy(engine, bench.formation())
    assert (process.detail, process.command) == ("", bench.formation().command)


async def test_only_a_service_with_a_port_has_endpoints(bench: Bench):
    engine = await bench.start()
    web = replace(bench.formation(service="web"), port=3000)
    await engine.ensure(bench.formation(), 1, epoch=1)
    await engine.ensure(web, 2, epoch=1)
    seen = await until(engine, lambda seen: all(p.endpoint for p in processes(seen, web)))
    assert [p.endpoint for p in processes(seen, bench.formation())] == [None]
    assert len({p.endpoint for p in processes(seen, web)} - {None}) == 2


async def test_ensuring_twice_starts_nothing_more(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 2, epoch=1)
    before = ids(await engine.observe(APP), bench.formation())
    await engine.ensure(bench.formation(), 2, epoch=1)
    assert ids(await engine.observe(APP), bench.formation()) == before


async def test_ensuring_fewer_stops_none(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 2, epoch=1)
    await engine.ensure(bench.formation(), 1, epoch=1)
    assert len(await healthy(engine, bench.formation(), 2)) == 2


async def test_ensuring_more_adds_slots_and_keeps_those_there(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 1, epoch=1)
    first = ids(await engine.observe(APP), bench.formation())
    await engine.ensure(bench.formation(), 3, epoch=1)
    seen = await engine.observe(APP)
    assert ids(seen, bench.formation())[:1] == first
    assert [p.slot for p in processes(seen, bench.formation())] == [0, 1, 2]


async def test_a_formation_keeps_the_release_that_first_started_it(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 1, epoch=1)
    await engine.ensure(replace(bench.formation(), release_id="RBBBBBBBBBB"), 2, epoch=1)
    (there,) = await engine.observe(APP)
    assert there.release_id == "RAAAAAAAAAA"


async def test_a_start_that_cannot_work_is_no_error_and_shows_as_failed(bench: Bench):
    engine, wanted = await bench.start(), bench.failing(bench.formation())
    await engine.ensure(wanted, 1, epoch=1)
    seen = await until(engine, lambda seen: processes(seen, wanted)[0].health is Health.FAILED)
    assert processes(seen, wanted)[0].detail.startswith("exited with code ")


async def test_exits_are_counted(bench: Bench):
    engine, wanted = await bench.start(), bench.failing(bench.formation())
    await engine.ensure(wanted, 1, epoch=1)
    await until(engine, lambda seen: processes(seen, wanted)[0].exits >= 3)


async def test_a_retirement_keeps_the_lowest_slots(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 3, epoch=1)
    before = ids(await engine.observe(APP), bench.formation())
    await engine.retire(bench.formation().key, keep=1, epoch=1)
    seen = await until(engine, lambda seen: len(processes(seen, bench.formation())) == 1)
    assert ids(seen, bench.formation()) == before[:1]


async def test_a_retired_process_is_stopping_until_it_is_gone_and_its_formation_forgotten(bench: Bench):
    engine, wanted = await bench.start(), bench.slow_to_stop(bench.formation())
    await engine.ensure(wanted, 1, epoch=1)
    await healthy(engine, wanted)
    await engine.retire(wanted.key, keep=0, epoch=1)
    assert [p.health for p in processes(await engine.observe(APP), wanted)] == [Health.STOPPING]
    bench.let_stops_finish()
    await until(engine, lambda seen: seen == ())


async def test_retiring_twice_and_retiring_what_is_unknown_do_nothing(bench: Bench):
    engine, wanted = await bench.start(), bench.slow_to_stop(bench.formation())
    await engine.retire(FormationKey(APP, "worker", "unknown"), keep=0, epoch=1)
    await engine.ensure(wanted, 1, epoch=1)
    await engine.retire(wanted.key, keep=0, epoch=1)
    seen = await engine.observe(APP)
    await engine.retire(wanted.key, keep=0, epoch=1)
    assert await engine.observe(APP) == seen


async def test_a_formation_that_is_ensured_while_it_stops_is_filled_again(bench: Bench):
    engine, wanted = await bench.start(), bench.slow_to_stop(bench.formation())
    await engine.ensure(wanted, 1, epoch=1)
    first = ids(await engine.observe(APP), wanted)
    await engine.retire(wanted.key, keep=0, epoch=1)
    await engine.ensure(wanted, 1, epoch=1)
    bench.let_stops_finish()
    seen = await until(engine, lambda seen: len(processes(seen, wanted)) == 1)
    assert ids(seen, wanted) != first
    await healthy(engine, wanted)


async def test_a_stale_epoch_is_refused_and_does_nothing(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 1, epoch=2)
    await healthy(engine, bench.formation())
    before = await engine.observe(APP)
    with pytest.raises(StaleEpoch):
        await engine.ensure(bench.formation(), 2, epoch=1)
    with pytest.raises(StaleEpoch):
        await engine.retire(bench.formation().key, keep=0, epoch=1)
    with pytest.raises(StaleEpoch):
        await engine.restart(bench.formation().key, before[0].processes[0].id, epoch=1)
    assert await engine.observe(APP) == before


async def test_the_highest_epoch_outlives_the_rack(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 1, epoch=7)
    engine = await bench.start()
    with pytest.raises(StaleEpoch):
        await engine.retire(bench.formation().key, keep=0, epoch=6)


async def test_a_restarted_rack_sees_what_it_left(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 2, epoch=1)
    await healthy(engine, bench.formation(), 2)
    before = await engine.observe(APP)
    engine = await bench.start()
    assert await engine.observe(APP) == before


async def test_a_restarted_rack_can_retire_what_it_left(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 2, epoch=1)
    engine = await bench.start()
    await engine.retire(bench.formation().key, keep=0, epoch=2)
    await until(engine, lambda seen: seen == ())


async def test_a_restarted_process_is_filled_in_its_slot(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 2, epoch=1)
    before = (await healthy(engine, bench.formation(), 2))[1]
    await engine.restart(bench.formation().key, before.id, epoch=1)
    seen = await until(
        engine,
        lambda seen: any(
            p.slot == 1 and p.health is Health.HEALTHY and p.started_at > before.started_at
            for p in processes(seen, bench.formation())
        ),
    )
    assert [p.exits for p in processes(seen, bench.formation())] == [0, 0]


async def test_restarting_an_unknown_process_is_not_found(bench: Bench):
    engine = await bench.start()
    await engine.ensure(bench.formation(), 1, epoch=1)
    with pytest.raises(NotFound):
        await engine.restart(bench.formation().key, "nobody", epoch=1)


async def test_formations_are_sorted_and_those_of_other_apps_left_out(bench: Bench):
    engine = await bench.start()
    for name in ("two", "one"):
        await engine.ensure(bench.formation(name), 1, epoch=1)
    await engine.ensure(bench.formation(app="other"), 1, epoch=1)
    assert [there.key.fingerprint for there in await engine.observe(APP)] == ["one", "two"]


async def test_listeners_are_told_which_app_changed(bench: Bench):
    engine, told = await bench.start(), set[str]()
    engine.subscribe(told.add)
    await engine.ensure(bench.formation(), 1, epoch=1)
    await healthy(engine, bench.formation())
    assert told == {APP}


# --- frozen and examined ---


async def test_what_is_frozen_does_not_run_and_goes_on_where_it_was(living: ProcessBench | DockerBench):
    wanted, other = (replace(living.formation(name), command=COUNT) for name in ("one", "other"))
    engine = await living.start()
    for each in (wanted, other):
        await engine.ensure(each, 1, epoch=1)
        await healthy(engine, each)
    await engine.freeze(wanted.key, epoch=1)
    await counted_on(living, other)
    before = await living.printed(wanted)
    await counted_on(living, other)
    assert await living.printed(wanted) == before
    await engine.ensure(wanted, 1, epoch=1)
    after = await counted_on(living, wanted)
    assert after == list(range(1, len(after) + 1))


async def counted_on(bench: ProcessBench | DockerBench, wanted: Formation) -> list[int]:
    """Wait until a formation has counted some further, and return all that it counted."""
    until = len(await bench.printed(wanted)) + 10
    async with asyncio.timeout(20):
        while True:
            if len(printed := await bench.printed(wanted)) >= until:
                return printed
            await asyncio.sleep(0.02)


async def test_a_frozen_process_is_as_old_and_has_exited_as_often_as_before(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 1, epoch=1)
    (before,) = await healthy(engine, wanted)
    await engine.freeze(wanted.key, epoch=1)
    assert processes(await engine.observe(APP), wanted) == (replace(before, health=Health.FROZEN),)


async def test_freezing_twice_and_freezing_what_is_unknown_do_nothing(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.freeze(FormationKey(APP, "worker", "unknown"), epoch=1)
    await engine.ensure(wanted, 1, epoch=1)
    await healthy(engine, wanted)
    await engine.freeze(wanted.key, epoch=1)
    before = await engine.observe(APP)
    await engine.freeze(wanted.key, epoch=1)
    assert await engine.observe(APP) == before


async def test_only_the_slots_that_are_ensured_are_thawed(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 2, epoch=1)
    await healthy(engine, wanted, 2)
    await engine.freeze(wanted.key, epoch=1)
    await engine.ensure(wanted, 1, epoch=1)
    seen = await healthy(engine, wanted)
    assert [p.health for p in seen] == [Health.HEALTHY, Health.FROZEN]


async def test_what_was_frozen_can_be_frozen_again(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 1, epoch=1)
    (before,) = await healthy(engine, wanted)
    for _ in range(3):
        await engine.freeze(wanted.key, epoch=1)
        await engine.ensure(wanted, 1, epoch=1)
        assert await healthy(engine, wanted) == (before,)


async def test_what_is_frozen_stays_so_when_the_rack_starts_again(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 1, epoch=1)
    (running,) = await healthy(engine, wanted)
    await engine.freeze(wanted.key, epoch=1)
    before = await engine.observe(APP)
    engine = await bench.start()
    assert await engine.observe(APP) == before
    await engine.ensure(wanted, 1, epoch=2)
    assert await healthy(engine, wanted) == (running,)


async def test_what_is_frozen_can_be_retired(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 2, epoch=1)
    await healthy(engine, wanted, 2)
    await engine.freeze(wanted.key, epoch=1)
    await engine.retire(wanted.key, keep=1, epoch=1)
    await until(engine, lambda seen: [p.health for p in processes(seen, wanted)] == [Health.FROZEN])
    await engine.retire(wanted.key, keep=0, epoch=1)
    await until(engine, lambda seen: seen == ())


async def test_a_process_that_still_starts_is_stopped_instead_of_frozen(bench: Bench):
    engine, wanted = await bench.start(), bench.held(bench.formation())
    await engine.ensure(wanted, 1, epoch=1)
    await engine.freeze(wanted.key, epoch=1)
    await until(engine, lambda seen: not processes(seen, wanted))


async def test_a_frozen_process_that_is_restarted_runs_again(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 1, epoch=1)
    (before,) = await healthy(engine, wanted)
    await engine.freeze(wanted.key, epoch=1)
    await engine.restart(wanted.key, before.id, epoch=1)
    (after,) = await healthy(engine, wanted)
    assert (after.id, after.exits) == (before.id, 0)
    assert after.started_at > before.started_at


async def test_freezing_with_a_stale_epoch_is_refused_and_does_nothing(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.ensure(wanted, 1, epoch=2)
    await healthy(engine, wanted)
    before = await engine.observe(APP)
    with pytest.raises(StaleEpoch):
        await engine.freeze(wanted.key, epoch=1)
    assert await engine.observe(APP) == before


async def test_an_examination_finds_what_hangs_since_it_was_last_asked(bench: Bench):
    engine, wanted = await bench.start(), bench.web()
    await engine.ensure(wanted, 2, epoch=1)
    await healthy(engine, wanted, 2)
    await engine.examine(wanted.key)
    assert {p.health for p in processes(await engine.observe(APP), wanted)} == {Health.HEALTHY}
    await bench.hang(wanted)
    async with asyncio.timeout(1.5):
        await engine.examine(wanted.key)
    found = processes(await engine.observe(APP), wanted)
    assert [(p.health, bool(p.detail)) for p in found] == [(Health.UNHEALTHY, True)] * 2


async def test_an_examination_changes_nothing_about_what_is_not_up_or_unknown(bench: Bench):
    engine, wanted = await bench.start(), bench.formation()
    await engine.examine(wanted.key)
    await engine.ensure(wanted, 1, epoch=1)
    await healthy(engine, wanted)
    await engine.freeze(wanted.key, epoch=1)
    before = await engine.observe(APP)
    await engine.examine(wanted.key)
    assert await engine.observe(APP) == before
