import contextlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.cli import output

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SECONDS = {name: seconds for name, seconds in output.SPANS}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (-90, "now"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (7200, "2 hours ago"),
        (6 * 86400, "6 days ago"),
        (7 * 86400, "1 week ago"),
        (29 * 86400, "4 weeks ago"),
        (30 * 86400, "1 month ago"),
        (364 * 86400, "12 months ago"),
        (365 * 86400, "1 year ago"),
    ],
)
def test_times_are_rounded_down_to_one_unit(seconds: int, words: str) -> None:
    assert output.ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_no_time_is_an_empty_cell() -> None:
    assert output.ago(None, NOW) == ""


@given(st.integers(min_value=1, max_value=20 * 365 * 86400))
def test_words_name_the_largest_unit_that_fits(seconds: int) -> None:
    count, unit, tail = output.ago(NOW - timedelta(seconds=seconds), NOW).split()
    size = SECONDS[unit.removesuffix("s")]
    assert int(count) == seconds // size > 0
    assert all(seconds < other for other in SECONDS.values() if other > size)
    assert (tail, unit.endswith("s")) == ("ago", count != "1")


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10**9))
def test_words_only_grow_with_age(one: int, other: int) -> None:
    def rank(seconds: int) -> int:
        words = output.ago(NOW - timedelta(seconds=seconds), NOW).split()
        return 0 if words == ["now"] else int(words[0]) * SECONDS[words[1].removesuffix("s")]

    assert rank(min(one, other)) <= rank(max(one, other))


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5))
def test_tables_have_a_line_per_row_and_no_trailing_spaces(rows: list[tuple[str, str, str]]) -> None:
    lines = output.table(("A", "B", "C"), rows).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(rows) + 1
    assert all(line == line.rstrip() for line in lines)


def test_cells_cannot_steer_the_terminal() -> None:
    assert output.table(("A",), [("x\x1b[31m\ny",)]) == "A\nx [31m y\n"


def test_lines_align_below_their_header() -> None:
    assert output.table(("ID", "STATUS"), [("LONG", "on"), ("S", "")]) == "ID    STATUS\nLONG  on\nS\n"


def test_optional_column_goes_when_it_is_empty() -> None:
    assert output.table(("ID", "NOTE"), [("a", "")], optional=("NOTE",)) == "ID\na\n"


def test_members_without_a_value_are_left_out() -> None:
    assert output.members([("Name", "dev"), ("Region", ""), ("Status", "running")]) == "Name    dev\nStatus  running\n"


def test_progress_without_steps_stays_on_one_line() -> None:
    stream = io.StringIO()
    with output.Progress(stream) as progress:
        progress.begin("Promoting R")
        progress.done()
    assert stream.getvalue() == "Promoting R... OK\n"


def test_progress_ends_its_line_when_something_fails() -> None:
    stream = io.StringIO()
    with contextlib.suppress(ValueError), output.Progress(stream) as progress:
        progress.begin("Promoting R")
        raise ValueError
    assert stream.getvalue() == "Promoting R...\n"


def test_build_times_are_in_minutes_and_seconds() -> None:
    assert output.lasted(NOW, NOW + timedelta(seconds=65)) == "1m5s"
    assert output.lasted(NOW, NOW + timedelta(seconds=5)) == "5s"
    assert output.lasted(NOW, None) == ""


def test_copied_bytes_that_end_within_a_line_do_not_swallow_the_next() -> None:
    raw = io.BytesIO()
    with output.Progress(io.TextIOWrapper(raw)) as progress:
        progress.begin("Building")
        progress.copy(b"one\ntw")
        progress.copy(b"o")
        progress.step("Build: B1")
    assert raw.getvalue() == b"Building...\none\ntwo\nBuild: B1\n"


def test_wide_letters_keep_columns_aligned() -> None:
    rows = [("航海", "x"), ("e\u0301", "y"), ("abcd", "z")]
    assert output.table(("A", "B"), rows) == "A     B\n航海  x\ne\u0301     y\nabcd  z\n"


def test_only_the_last_column_is_cut() -> None:
    rows = [("RAXHPJHSWZO", "a description that is long")]
    assert output.table(("ID", "TEXT"), rows, limit=27) == "ID           TEXT\nRAXHPJHSWZO  a description…\n"
    assert output.table(("ID", "TEXT"), rows, limit=5).endswith("RAXHPJHSWZO  a descripti…\n")


def test_members_cannot_steer_the_terminal() -> None:
    assert output.members([("Env", "A=\x1b[2J\nB=1")]) == "Env  A= [2J\n     B=1\n"
