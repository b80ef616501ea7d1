"""The right to act: whoever takes the lease makes every earlier rack stale, for engine and router."""

from sternway.ops.rack import Rack


async def take(rack: Rack, holder: str) -> int:
    """Return a new epoch. It is higher than what engine and router know, whatever the store has forgotten."""
    above = max(rack.engine.epoch, rack.router.epoch)
    async with rack.store.write() as ledger:
        return await ledger.leases.take(holder, rack.clock.now(), above=above)
