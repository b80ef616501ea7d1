"""Points in time as people type them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.cli import errors, moments

NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-20 14:05", NOW),
        ("2026-11-20T14:05:00Z", NOW),
        ("2026-11-20 15:05+01:00", NOW),
        ("2026-11-20", NOW.replace(hour=0, minute=0)),
        ("2 hours ago", NOW - timedelta(hours=2)),
        ("1 Hour  ago", NOW - timedelta(hours=1)),
        ("90m ago", NOW - timedelta(minutes=90)),
        ("3 weeks ago", NOW - timedelta(weeks=3)),
        ("9:30", NOW.replace(hour=9, minute=30)),
        ("23:30", NOW.replace(day=19, hour=23, minute=30)),
        ("yesterday 09:30", NOW.replace(day=19, hour=9, minute=30)),
        ("today 14:05", NOW),
    ],
)
def test_a_time_is_read_and_sent_in_utc(text, meant):
    assert datetime.fromisoformat(moments.read(text, NOW)) == meant


def test_without_a_zone_the_time_is_that_of_this_machine(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    assert moments.read("2026-11-20 15:05", NOW) == NOW.isoformat()


def test_previous_is_left_to_the_rack():
    assert moments.read(" Previous ", NOW) == "previous"


@pytest.mark.parametrize("text", ["", "soon", "25:00", "9999999 weeks ago", "999999 weeks ago", "0001-01-01", "ago"])
def test_what_is_no_time_is_wrong_usage(text):
    with pytest.raises(errors.CommandFailed) as caught:
        moments.read(text, NOW.astimezone(timezone(timedelta(hours=1))))
    assert caught.value.exit_code == errors.ExitCode.USAGE


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        found = moments.read(text, NOW)
    except errors.CommandFailed:
        return
    assert found == "previous" or datetime.fromisoformat(found).tzinfo is not None
