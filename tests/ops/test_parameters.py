"""What is set for the rack as a whole."""

import pytest

from sternway.core.errors import InvalidInput
from sternway.core.event import RACK_CHAIN
from sternway.ops import parameters

NOTHING = {"channel": "", "registry": "", "standby_memory": ""}


async def actions(still):
    async with still.rack.store.read() as ledger:
        return [event.body for event in await ledger.events.list(RACK_CHAIN, 100)]


async def test_every_parameter_is_empty_until_it_is_set(still):
    assert await parameters.get(still.rack) == NOTHING


async def test_a_parameter_stays_as_it_was_set_and_history_tells(still):
    set_to = await parameters.set(still.rack, {"registry": "registry.example/apps/"}, still.made("ann", "copies"))
    assert set_to == await parameters.get(still.rack) == NOTHING | {"registry": "registry.example/apps"}
    (event,) = await actions(still)
    assert b'"action":"rack:params"' in event
    assert b'"data":{"parameters":"registry=registry.example%2Fapps","reason":"copies"}' in event


async def test_setting_what_is_set_leaves_no_trace(still):
    for _ in range(2):
        await parameters.set(still.rack, {"registry": "registry.example"}, still.made())
    assert len(await actions(still)) == 1


async def test_a_parameter_can_be_emptied(still):
    await parameters.set(still.rack, {"registry": "registry.example"}, still.made())
    await parameters.set(still.rack, {"registry": ""}, still.made())
    assert await parameters.get(still.rack) == NOTHING


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Registy", "did you mean registry? known are: channel, registry, standby_memory"),
        ("x" * 999, "known are: channel, registry, standby_memory"),
    ],
)
async def test_an_unknown_name_is_refused_with_the_known_ones_and_nothing_is_set(still, name, advice):
    with pytest.raises(InvalidInput, match=r"^parameters: there is no ") as caught:
        await parameters.set(still.rack, {"registry": "registry.example", name: "1"}, still.made())
    assert caught.value.hint == advice
    assert len(caught.value.message) < 100
    assert await parameters.get(still.rack) == NOTHING


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("registry", "no host/at all"),
        ("channel", "channel"),
        ("channel", "ftp://example/channel"),
        ("channel", "http://"),
        ("channel", "https://ann:secret@example/channel"),
        ("channel", "http://[::1"),
    ],
)
async def test_a_wrong_value_is_refused(still, name, value):
    with pytest.raises(InvalidInput, match=rf"^{name}: "):
        await parameters.set(still.rack, {name: value}, still.made())


@pytest.mark.parametrize("address", ["https://example/channel", "http://127.0.0.1:8000", "/srv/channel"])
async def test_a_channel_is_an_address_or_a_directory(still, address):
    await parameters.set(still.rack, {"channel": f"{address}/"}, still.made())
    assert await parameters.channel(still.rack.store) == address
