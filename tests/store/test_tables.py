from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from sternway.store.tables import Json, Moment

DIALECT = sqlite.dialect()


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_a_moment_keeps_every_microsecond_and_comes_back_in_utc(at):
    read = Moment().process_result_value(Moment().process_bind_param(at, DIALECT), DIALECT)
    assert read == at
    assert read is not None
    assert read.tzinfo is UTC


@given(st.datetimes(), st.datetimes())
def test_moments_sort_as_times_do(one, other):
    one, other = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)
    stored = [Moment().process_bind_param(at, DIALECT) or 0 for at in (one, other)]
    assert (stored[0] < stored[1]) == (one < other)


def test_a_naive_time_is_refused():
    with pytest.raises(TypeError):
        Moment().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())))
def test_json_keeps_any_object(value):
    assert Json().process_result_value(Json().process_bind_param(value, DIALECT), DIALECT) == value


@pytest.mark.parametrize("kind", [Moment(), Json()])
def test_nothing_stays_nothing(kind):
    assert isinstance(kind, sa.types.TypeDecorator)
    assert kind.process_bind_param(None, DIALECT) is None
    assert kind.process_result_value(None, DIALECT) is None
