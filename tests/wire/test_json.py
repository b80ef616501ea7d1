"""Between dataclasses and JSON, leniently where other versions write."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.wire import types
from sternway.wire.json import ZERO_TIME, format_time, from_json, parse_time, to_json

AT = datetime(2026, 11, 22, 12, 0, 0, 250000, tzinfo=UTC)


def test_members_have_dashes():
    assert to_json(types.Build("B", "shop", "complete", git_sha="abc"))["git-sha"] == "abc"


@pytest.mark.parametrize(
    "value",
    [
        types.App("shop", "running", parameters={"A": "b"}),
        types.Release("R", "shop", created=AT, rollback=True),
        types.Service("web", ports=[types.ServicePort(80, 3000)]),
        types.Promotion(1, "shop", "R", "updating", created=AT, steps=[types.Step("Starting", AT)]),
        types.System("rack", "running", "2026"),
    ],
)
def test_what_is_written_reads_back_as_it_was(value):
    assert from_json(type(value), to_json(value)) == value


def test_unknown_members_are_ignored_and_null_is_the_default():
    app = from_json(types.App, {"name": "a", "status": "running", "budget": {}, "parameters": None})
    assert app == types.App("a", "running")


def test_names_match_whatever_their_case():
    assert from_json(types.StoredObject, {"url": "object://a/b"}).Url == "object://a/b"


def test_a_missing_member_is_named():
    with pytest.raises(ValueError, match="App lacks status"):
        from_json(types.App, {"name": "a"})


def test_what_is_no_object_is_refused():
    with pytest.raises(ValueError, match="expected a JSON object"):
        from_json(types.App, [])


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))  # noqa: DTZ001 - hypothesis wants it naive
def test_times_read_back_as_they_were(at):
    assert parse_time(format_time(at)) == at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:00:00Z", AT.replace(microsecond=0)),
        ("2026-11-22T12:00:00.25Z", AT),
        ("2026-11-22T12:00:00.250000999Z", AT),
        ("2026-11-22T13:00:00.25+01:00", AT),
        (ZERO_TIME, None),
        ("", None),
    ],
)
def test_times_of_other_servers_are_read(text, expected):
    assert parse_time(text) == expected
