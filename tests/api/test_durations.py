import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.api import durations
from sternway.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("5s", 5), ("2m0s", 120), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("10us", 1e-5)],
)
def test_durations_are_read_as_clients_write_them(text, seconds):
    assert durations.parse(text, "Since") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5d", "5s ", "\N{ARABIC-INDIC DIGIT FIVE}s", "5sx"])
def test_anything_else_names_the_field(text):
    with pytest.raises(InvalidInput, match="Since: "):
        durations.parse(text, "Since")


def test_too_long_is_the_longest():
    assert durations.parse("9" * 18 + "h", "Since") == durations.MAX


@given(st.text())
def test_any_text_is_a_duration_or_invalid(text):
    with contextlib.suppress(InvalidInput):
        assert timedelta(0) <= durations.parse(text, "Since") <= durations.MAX
