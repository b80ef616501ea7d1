"""The planner's promises, over hand-picked and generated states."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sternway.core.formation import FormationKey, Health, Member, Route
from sternway.core.plan import EXITS_TO_FAIL, Desired, Freeze, Outcome, Retire, Start, Switch, judge, plan, resting
from sternway.core.standby import Standby
from tests.core.world import APP, World, desired, standing_by, target

ROUNDS = 80


def settle(world: World, wanted: Desired, rounds: int = ROUNDS) -> None:
    for _ in range(rounds):
        actions = plan(wanted, world.observe())
        for action in actions:
            world.apply(action)
        if not actions and judge(wanted, world.observe()).outcome is Outcome.DONE and not _is_moving(world):
            return
        world.pass_time()


def _is_moving(world: World) -> bool:
    return any(p.health is Health.STOPPING for there in world.processes.values() for p in there)


def running(*targets) -> World:
    world = World()
    settle(world, desired(*targets))
    return world


def kinds(actions) -> list[type]:
    return [type(action) for action in actions]


def test_first_release_starts_before_it_takes_traffic():
    world, wanted = World(), desired(target("web", "a", 2))
    assert kinds(plan(wanted, world.observe())) == [Start]
    world.apply(*plan(wanted, world.observe()))
    assert plan(wanted, world.observe()) == ()
    world.pass_time()
    assert kinds(plan(wanted, world.observe())) == [Switch]


def test_nothing_to_do_means_no_action():
    wanted = desired(target("web", "a", 3), target("worker", "w", 2, is_worker=True, is_exclusive=True))
    world = World()
    settle(world, wanted)
    assert plan(wanted, world.observe()) == ()
    assert judge(wanted, world.observe()).outcome is Outcome.DONE


def test_the_same_content_is_neither_started_nor_switched():
    world = running(target("web", "a"), target("api", "x"))
    actions = plan(desired(target("web", "a"), target("api", "y")), world.observe())
    assert [a.formation.key.service for a in actions if isinstance(a, Start)] == ["api"]


def test_no_service_switches_before_all_are_healthy():
    world = running(target("web", "a"), target("api", "a"))
    world.broken = frozenset({"b-api"})
    settle(world, desired(target("web", "b"), target("api", "b-api")), rounds=10)
    assert {m.formation.fingerprint for r in world.routes for m in r.members} == {"a"}


def test_earlier_processes_stop_only_when_quiet_and_out_of_traffic():
    world = running(target("web", "a"))
    wanted = desired(target("web", "b"))
    for action in plan(wanted, world.observe()):
        world.apply(action)
    world.pass_time()
    actions = plan(wanted, world.observe())
    assert kinds(actions) == [Switch]
    world.apply(actions[0])
    busy = replace(world.observe(), quiet=frozenset())
    assert plan(wanted, busy) == ()
    assert kinds(plan(wanted, world.observe())) == [Retire]


def test_a_worker_stops_before_its_successor_starts():
    world = running(target("web", "a"), target("jobs", "a", 2, is_worker=True, is_exclusive=True))
    wanted = desired(target("web", "b"), target("jobs", "b", 2, is_worker=True, is_exclusive=True))
    for _ in range(ROUNDS):
        for action in plan(wanted, world.observe()):
            world.apply(action)
        assert len(world.working_fingerprints("jobs")) <= 1
        world.pass_time()
    assert world.working_fingerprints("jobs") == {"b"}


def test_a_service_that_is_never_there_twice_ends_its_requests_before_it_gives_way():
    world = running(target("db", "a", is_exclusive=True))
    wanted = desired(target("db", "b", is_exclusive=True))
    first = plan(wanted, world.observe())
    assert [(type(action), action.routes[0].members) for action in first if isinstance(action, Switch)] == [
        (Switch, ())
    ]
    world.apply(first[0])
    busy = replace(world.observe(), quiet=frozenset())
    assert plan(wanted, busy) == ()
    assert kinds(plan(wanted, world.observe())) == [Retire]
    settle(world, wanted)
    assert judge(wanted, world.observe()).outcome is Outcome.DONE


def test_a_service_that_is_never_there_twice_comes_back_when_the_other_one_fails():
    world = running(target("db", "a", is_exclusive=True))
    world.broken = frozenset({"b"})
    settle(world, desired(target("db", "b", is_exclusive=True)), rounds=5)
    back = desired(target("db", "a", is_exclusive=True))
    settle(world, back)
    assert judge(back, world.observe()).outcome is Outcome.DONE


def test_a_worker_is_not_touched_while_the_web_service_is_not_healthy():
    world = running(target("web", "a"), target("jobs", "a", is_worker=True, is_exclusive=True))
    world.broken = frozenset({"b"})
    settle(world, desired(target("web", "b"), target("jobs", "c", is_worker=True, is_exclusive=True)), rounds=10)
    assert world.working_fingerprints("jobs") == {"a"}


def test_a_service_that_left_the_manifest_goes_after_the_switch():
    world = running(target("web", "a"), target("old", "a"))
    settle(world, desired(target("web", "b")))
    assert world.count("old") == 0
    assert [route.service for route in world.routes] == ["web"]


def test_scaling_down_takes_processes_out_of_traffic_first():
    world = running(target("web", "a", 3))
    wanted = desired(target("web", "a", 1))
    first = plan(wanted, world.observe())
    assert kinds(first) == [Switch]
    world.apply(first[0])
    assert plan(wanted, world.observe()) == (Retire(target("web", "a").formation.key, 1),)


def test_going_back_to_what_still_runs_is_a_switch_alone():
    world = running(target("web", "a"))
    onward = desired(target("web", "b"))
    for _ in range(2):
        for action in plan(onward, world.observe()):
            world.apply(action)
        world.pass_time()
    assert kinds(plan(desired(target("web", "a")), world.observe()))[0] is Switch


def test_an_unhealthy_process_leaves_the_rotation():
    world = running(target("web", "a", 2))
    (there,) = world.processes.values()
    there[1] = replace(there[1], health=Health.UNHEALTHY)
    (switch,) = plan(desired(target("web", "a", 2)), world.observe())
    assert isinstance(switch, Switch)
    assert [m.endpoint for m in switch.routes[0].members] == [there[0].endpoint]


def test_the_last_process_stays_in_the_rotation_however_it_is():
    world = running(target("web", "a"))
    (there,) = world.processes.values()
    there[0] = replace(there[0], health=Health.FAILED)
    assert plan(desired(target("web", "a")), world.observe()) == ()


def test_going_back_to_what_is_still_stopping_does_not_wait_for_its_end():
    world, wanted = running(target("web", "a")), desired(target("web", "a"))
    (there,) = world.processes.values()
    there[0] = replace(there[0], health=Health.STOPPING)
    assert Start in kinds(plan(wanted, world.observe()))


def test_a_worker_that_is_still_stopping_is_waited_for():
    jobs = target("jobs", "a", is_worker=True, is_exclusive=True)
    world = running(jobs)
    (there,) = world.processes.values()
    there[0] = replace(there[0], health=Health.STOPPING)
    assert plan(desired(jobs), world.observe()) == ()
    world.pass_time()
    assert kinds(plan(desired(jobs), world.observe())) == [Start]


def test_nothing_desired_takes_everything_down():
    world = running(target("web", "a", 2), target("jobs", "a", is_worker=True, is_exclusive=True))
    settle(world, Desired(APP))
    assert world.processes == {}
    assert world.routes == ()


def test_a_process_that_keeps_exiting_fails_the_rollout():
    world, wanted = World(), desired(target("web", "a"))
    world.apply(*plan(wanted, world.observe()))
    (there,) = world.processes.values()
    there[0] = replace(there[0], health=Health.FAILED, exits=EXITS_TO_FAIL, detail="exited with code 1")
    verdict = judge(wanted, world.observe())
    assert verdict.outcome is Outcome.FAILED
    assert "exited with code 1" in verdict.cause


def test_a_process_that_stays_unhealthy_fails_the_rollout_after_its_allowance():
    world, wanted = World(broken=frozenset({"a"})), desired(target("web", "a"))
    world.apply(*plan(wanted, world.observe()))
    assert judge(wanted, world.observe()).outcome is Outcome.WAITING
    world.now += timedelta(seconds=61)
    assert judge(wanted, world.observe()).outcome is Outcome.FAILED


def targets(fingerprints: st.SearchStrategy[str]):
    web = st.builds(
        lambda f, n, low, high: target("web", f, n, minimum_percent=low, maximum_percent=high),
        fingerprints,
        st.integers(0, 5),
        st.sampled_from([0, 50, 100]),
        st.sampled_from([100, 150, 200]),
    )
    jobs = st.builds(
        lambda f, n: target("jobs", f, n, is_worker=True, is_exclusive=True), fingerprints, st.integers(0, 3)
    )
    single = st.builds(lambda f: target("db", f, 1, is_exclusive=True), fingerprints)
    return st.lists(st.one_of(web, jobs, single), unique_by=lambda t: t.formation.key.service, max_size=3)


NAMES = st.sampled_from(["a", "b", "c"])


@settings(max_examples=300, deadline=None)
@given(st.lists(targets(NAMES), min_size=1, max_size=4), st.data())
def test_promises_hold_through_any_series_of_interrupted_rollouts(series, data):
    world = World()
    for wanted in [desired(*chosen) for chosen in series]:
        steps = data.draw(st.integers(0, 12))
        for _ in range(steps):
            _one_round(world, wanted, data)
    settle(world, wanted)
    assert judge(wanted, world.observe()).outcome is Outcome.DONE
    assert plan(wanted, world.observe()) == ()
    for chosen in wanted.services:
        key = chosen.formation.key
        assert world.count(key.service) == chosen.count
        assert world.working_fingerprints(key.service) <= {key.fingerprint}


@settings(max_examples=300, deadline=None)
@given(st.lists(targets(NAMES), min_size=1, max_size=4), st.data())
def test_promises_hold_while_earlier_releases_stand_by(series, data):
    world, earlier = World(), dict[FormationKey, Standby]()
    for chosen in series:
        standby = tuple(data.draw(st.permutations(list(earlier.values()))))
        wanted = desired(*chosen, standby=standby[: data.draw(st.integers(0, len(standby)))])
        for _ in range(data.draw(st.integers(0, 12))):
            _one_round(world, wanted, data)
        earlier |= {t.formation.key: standing_by(t) for t in chosen}
    settle(world, wanted)
    assert judge(wanted, world.observe()).outcome is Outcome.DONE
    assert plan(wanted, world.observe()) == ()
    aside = resting(wanted, world.observe())
    assert aside <= {each.key for each in wanted.standby}
    assert {key for key, there in world.processes.items() if there} - aside == {
        t.formation.key for t in wanted.services if t.count
    }


def test_what_was_replaced_stands_by_as_it_is():
    first, second = target("web", "a", 3), target("web", "b", 3)
    world = running(first)
    there = list(world.processes[first.formation.key])
    settle(world, desired(second, standby=(standing_by(first),)))
    assert world.processes[first.formation.key] == there
    assert world.healthy_in_traffic("web") == 3


def test_going_back_to_what_stands_by_is_a_switch_alone():
    first, second = target("web", "a", 3), target("web", "b", 3)
    world = running(first)
    settle(world, desired(second, standby=(standing_by(first),)))
    assert kinds(plan(desired(first, standby=(standing_by(second),)), world.observe())) == [Switch]


def test_a_worker_stands_by_frozen_and_never_works_beside_its_successor():
    first = target("jobs", "a", 2, is_worker=True, is_exclusive=True)
    second = target("jobs", "b", 2, is_worker=True, is_exclusive=True)
    world = running(first)
    wanted = desired(second, standby=(standing_by(first),))
    assert plan(wanted, world.observe()) == (Freeze(first.formation.key),)
    settle(world, wanted)
    assert {p.health for p in world.processes[first.formation.key]} == {Health.FROZEN}
    pids = [p.id for p in world.processes[first.formation.key]]
    back = desired(first, standby=(standing_by(second),))
    assert plan(back, world.observe()) == (Freeze(second.formation.key),)
    settle(world, back)
    assert [p.id for p in world.processes[first.formation.key]] == pids
    assert world.working_fingerprints("jobs") == {"a"}


def test_requests_do_not_wait_for_workers_that_are_thawed():
    web, jobs = target("web", "a", 2), target("jobs", "a", is_worker=True, is_exclusive=True)
    new_web, new_jobs = target("web", "b", 2), target("jobs", "b", is_worker=True, is_exclusive=True)
    world = running(web, jobs)
    settle(world, desired(new_web, new_jobs, standby=(standing_by(web), standing_by(jobs))))
    back = desired(web, jobs, standby=(standing_by(new_web), standing_by(new_jobs)))
    assert kinds(plan(back, world.observe())) == [Switch, Freeze]
    settle(world, back)
    assert world.working_fingerprints("jobs") == {"a"}


def test_what_stands_by_goes_when_its_time_is_over():
    first, second = target("web", "a", 2), target("web", "b", 2)
    world = running(first)
    wanted = desired(second, standby=(standing_by(first, until=world.now + timedelta(minutes=10)),))
    settle(world, wanted)
    assert plan(wanted, world.observe()) == ()
    world.now += timedelta(minutes=10)
    assert plan(wanted, world.observe()) == (Retire(first.formation.key, 0),)


def test_what_is_not_well_does_not_stand_by():
    first, second = target("web", "a", 2), target("web", "b", 2)
    world = running(first)
    wanted = desired(second, standby=(standing_by(first),))
    settle(world, wanted)
    there = world.processes[first.formation.key]
    there[0] = replace(there[0], health=Health.UNHEALTHY)
    assert plan(wanted, world.observe()) == (Retire(first.formation.key, 0),)


def test_a_service_that_may_not_be_there_beside_its_successor_does_not_stand_by():
    first, second = target("web", "a", 2, maximum_percent=100), target("web", "b", 2, maximum_percent=100)
    world = running(first)
    settle(world, desired(second, standby=(standing_by(first),)))
    assert first.formation.key not in world.processes


def test_a_worker_that_keeps_exiting_is_stopped_rather_than_frozen():
    first = target("jobs", "a", 2, is_worker=True, is_exclusive=True)
    second = target("jobs", "b", 2, is_worker=True, is_exclusive=True)
    world = running(first)
    there = world.processes[first.formation.key]
    there[1] = replace(there[1], health=Health.FAILED)
    settle(world, desired(second, standby=(standing_by(first),)))
    assert [(p.slot, p.health) for p in world.processes[first.formation.key]] == [(0, Health.FROZEN)]


def _one_round(world: World, wanted: Desired, data) -> None:
    before = {t.formation.key.service: world.healthy_in_traffic(t.formation.key.service) for t in wanted.services}
    there = {t.formation.key.service: world.rolled(wanted, t.formation.key.service) for t in wanted.services}
    actions = plan(wanted, world.observe())
    cut = data.draw(st.integers(0, len(actions)))
    for action in actions[:cut]:
        world.apply(action)
        _check(world, wanted, before, there)
    if data.draw(st.booleans()):
        world.pass_time()


def _check(world: World, wanted: Desired, before: dict[str, int], there: dict[str, int]) -> None:
    for chosen in wanted.services:
        service = chosen.formation.key.service
        assert world.rolled(wanted, service) <= max(chosen.ceiling, there[service])
        if chosen.is_exclusive:
            assert len(world.working_fingerprints(service)) <= 1 or there[service] == world.rolled(wanted, service)
        else:
            assert world.healthy_in_traffic(service) >= min(chosen.floor, before[service])


def test_a_gap_among_the_slots_is_filled_within_the_maximum():
    world = running(target("web", "a", 4))
    settle(world, desired(target("web", "b", 1)))
    wanted = target("web", "a", 4, minimum_percent=0, maximum_percent=100)
    world.apply(Start(wanted.formation, 4))
    there = world.processes[wanted.formation.key]
    there[:] = [replace(p, health=Health.HEALTHY) for p in there if p.slot in (0, 3)]
    (start,) = plan(desired(wanted), world.observe())
    assert start == Start(wanted.formation, 2)
    settle(world, desired(wanted))
    assert judge(desired(wanted), world.observe()).outcome is Outcome.DONE


HEALTHS = st.sampled_from(list(Health))


@st.composite
def any_world(draw) -> World:
    """A world in any state at all, however it may have come to it."""
    world = World()
    for service in draw(st.lists(st.sampled_from(["web", "jobs", "db", "gone"]), unique=True)):
        for fingerprint in draw(st.lists(NAMES, unique=True, max_size=3)):
            wanted = target(service, fingerprint, draw(st.integers(1, 4)))
            world.apply(Start(wanted.formation, wanted.count))
            there = world.processes[wanted.formation.key]
            there[:] = [replace(p, health=draw(HEALTHS), exits=draw(st.integers(0, 5))) for p in there]
    world.routes = draw(any_routes(world))
    return world


@st.composite
def any_routes(draw, world: World) -> tuple[Route, ...]:
    stale = Member(FormationKey(APP, "web", "stale"), "127.0.0.1:9999")
    members = [Member(key, p.endpoint) for key, there in world.processes.items() for p in there if p.endpoint]
    routes = []
    for service in sorted({member.formation.service for member in members}):
        own = [member for member in members if member.formation.service == service]
        chosen = draw(st.lists(st.sampled_from([*own, stale]), unique=True))
        if draw(st.booleans()):
            routes.append(Route(service, (f"{service}.{APP}.localhost",), tuple(sorted(chosen))))
    return tuple(routes)


@settings(max_examples=500, deadline=None)
@given(any_world(), targets(NAMES), st.booleans())
def test_from_any_state_at_all_it_arrives_and_then_rests(world, chosen, is_busy):
    wanted = desired(*chosen)
    observed = world.observe()
    plan(wanted, replace(observed, quiet=frozenset()) if is_busy else observed)
    judge(wanted, observed)
    recovered(world)
    settle(world, wanted)
    assert judge(wanted, world.observe()).outcome is Outcome.DONE
    assert plan(wanted, world.observe()) == ()
    expected = {t.formation.key: t.count for t in chosen if t.count}
    assert {key: len(there) for key, there in world.processes.items()} == expected


def recovered(world: World) -> None:
    """Let what is sick get well: whether it does is not the planner's business."""
    for there in world.processes.values():
        sick = {Health.UNHEALTHY, Health.FAILED}
        there[:] = [replace(p, health=Health.STARTING) if p.health in sick else p for p in there]


@settings(max_examples=500, deadline=None)
@given(any_world(), targets(NAMES))
def test_planning_does_not_depend_on_the_order_of_what_was_seen(world, chosen):
    wanted, observed = desired(*chosen), world.observe()
    turned = replace(observed, formations=observed.formations[::-1])
    assert {repr(action) for action in plan(wanted, turned)} == {repr(action) for action in plan(wanted, observed)}
