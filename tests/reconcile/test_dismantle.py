"""Taking down what a rack runs; the ledger stays."""

from sternway.engines.memory import World
from sternway.ops import apps
from sternway.reconcile.dismantle import dismantle
from sternway.router.memory import MemoryNetwork
from tests.rack import rack_under_test


async def test_apps_and_router_go_down_and_come_back_with_the_next_rack(tmp_path):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path, world=world, network=network) as first:
        await first.app()
        release = await first.deployed()
    async with rack_under_test(tmp_path, world=world, network=network, reconcile=False) as down:
        await dismantle(down.rack, "test")
        assert not world.formations
        assert network.is_down
        assert (await apps.get(down.rack, "shop")).active_id == release
    network.is_down = False
    async with rack_under_test(tmp_path, world=world, network=network) as again:
        await again.until("shop", lambda states: len(states) == 2)


async def test_a_rack_whose_store_was_put_back_acts_all_the_same(tmp_path):
    world, network = World(), MemoryNetwork()
    world.epoch = network.epoch = 17
    async with rack_under_test(tmp_path, world=world, network=network) as rack:
        await rack.app()
        await rack.deployed()
    async with rack_under_test(tmp_path, world=world, network=network, reconcile=False) as down:
        await dismantle(down.rack, "test")
    assert not world.formations
    assert world.epoch > 17


async def test_what_runs_of_an_app_that_the_ledger_does_not_know_is_taken_down(tmp_path):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path / "before", world=world, network=network) as rack:
        await rack.app()
        await rack.deployed()
    async with rack_under_test(tmp_path / "after", world=world, network=network) as rack:
        await rack.until("shop", lambda states: not states)
    assert not world.formations
    assert not network.routes
