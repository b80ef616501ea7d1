import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sternway.core import event
from sternway.core.event import RACK_CHAIN, Happening, app_chain
from tests.store.samples import AT, happening


async def test_an_event_is_linked_to_the_one_before(ledger):
    first = await ledger.events.append(RACK_CHAIN, happening("app:create"))
    second = await ledger.events.append(RACK_CHAIN, happening("app:delete"))
    assert second == event.link(RACK_CHAIN, first, event.canonical(happening("app:delete")))
    assert await ledger.events.list(RACK_CHAIN, 10) == [second, first]


async def test_chains_are_apart(ledger):
    await ledger.events.append(RACK_CHAIN, happening())
    first = await ledger.events.append(app_chain(1), happening())
    assert (first.position, first.previous_hash) == (1, event.GENESIS)
    assert await ledger.events.list(app_chain(1), 10) == [first]


async def test_the_list_is_limited(ledger):
    events = [await ledger.events.append(RACK_CHAIN, happening()) for _ in range(3)]
    assert await ledger.events.list(RACK_CHAIN, 2) == [events[2], events[1]]


async def test_events_that_are_appended_at_once_make_one_chain(store):
    async def append(number):
        async with store.write() as ledger:
            await ledger.events.append(RACK_CHAIN, happening(number=f"{number}"))

    await asyncio.gather(*(append(number) for number in range(10)))
    async with store.read() as ledger:
        events = await ledger.events.list(RACK_CHAIN, 100)
    assert len(events) == 10
    assert event.first_break(reversed(events)) is None


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))))
async def test_whatever_an_event_tells_its_bytes_stay_as_they_were_hashed(ledger, detail):
    added = await ledger.events.append(RACK_CHAIN, Happening("a:b", "ü", AT, detail=detail))
    assert await ledger.events.list(RACK_CHAIN, 1) == [added]
    assert event.first_break(reversed(await ledger.events.list(RACK_CHAIN, 1000))) is None
