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
