from tests.store.samples import AT


async def test_before_the_first_lease_the_epoch_is_zero(ledger):
    assert await ledger.leases.current() == 0


async def test_each_lease_has_a_higher_epoch(ledger):
    epochs = [await ledger.leases.take(holder, AT) for holder in ("one", "two", "one")]
    assert epochs == [1, 2, 3]
    assert await ledger.leases.current() == 3


async def test_a_lease_is_above_what_others_still_know(ledger):
    await ledger.leases.take("one", AT)
    assert await ledger.leases.take("two", AT, above=7) == 8
    assert await ledger.leases.take("three", AT, above=3) == 9
