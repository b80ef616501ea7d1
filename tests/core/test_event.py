"""The chain of events: it shows every change of what was recorded."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.event import GENESIS, Event, Happening, canonical, first_break, link

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def chain(*bodies: bytes) -> list[Event]:
    events: list[Event] = []
    for body in bodies:
        events.append(link("app:1", events[-1] if events else None, body))
    return events


def test_the_first_event_follows_from_nothing():
    (event,) = chain(b"{}")
    assert (event.position, event.previous_hash) == (1, GENESIS)


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_a_chain_as_recorded_has_no_break(bodies):
    assert first_break(chain(*bodies)) is None


FORGERIES = [
    lambda event: replace(event, body=b"x"),
    lambda event: replace(event, hash="0" * 64),
    lambda event: replace(event, previous_hash="0" * 64),
    lambda event: replace(event, position=7),
    lambda event: replace(event, chain="app:2"),
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_change_of_any_member_is_seen(forge):
    events = chain(b"a", b"b", b"c")
    events[1] = forge(events[1])
    assert first_break(events) in (2, 7)


def test_a_missing_event_is_seen():
    events = chain(b"a", b"b", b"c")
    assert first_break([events[0], events[2]]) == 3


def test_canonical_bytes_do_not_depend_on_the_order_of_details():
    one = Happening("app:create", "ann", AT, detail={"a": "1", "b": "2"})
    other = Happening("app:create", "ann", AT, detail={"b": "2", "a": "1"})
    assert canonical(one) == canonical(other)
