from tests.store.samples import made


async def test_before_anything_is_set_there_are_none(ledger):
    assert await ledger.parameters.get() == {}


async def test_parameters_are_as_they_were_set_last(ledger):
    await ledger.parameters.set({"registry": "one.example", "other": ""}, made())
    await ledger.parameters.set({"registry": "two.example"}, made())
    assert await ledger.parameters.get() == {"registry": "two.example"}
