from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sternway.engines.docker.logs import entries
from sternway.engines.docker.logs.entries import Entry
from sternway.engines.docker.logs.printed import LINE_MAX_BYTES, Container, Printed

START = datetime(2026, 1, 1, tzinfo=UTC)
START_NS = entries.nanoseconds(START)
CONTAINER = Container("a" * 64, "a" * 12, "web")


def entry(at: int, text: bytes, output: int = 1, *, ends_line: bool = True) -> Entry:
    return Entry(START_NS + at, output, text, ends_line)


def asked(kept: list[Entry], moment: str) -> list[Entry]:
    """Return what an engine answers that is asked for what it kept from a moment on."""
    seconds, _, rest = moment.partition(".")
    return [each for each in kept if each.at_ns >= int(seconds or 0) * 10**9 + int(rest or 0)]


def test_a_line_says_when_it_was_printed_and_by_what():
    (line,) = Printed(CONTAINER, None).lines(iter([entry(1_500_999, b"text")]))
    assert (line.at, line.source, line.text) == (
        START + timedelta(microseconds=1500),
        f"service/web/{'a' * 12}",
        b"text",
    )


def test_the_first_answer_begins_at_the_moment_that_is_asked_for():
    assert Printed(CONTAINER, START + timedelta(microseconds=7)).go_on() == "1767225600.000007000"
    assert Printed(CONTAINER, None).go_on() == ""


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_answers_that_break_off_anywhere_give_each_line_once(steps, breaks):
    moments = [sum(steps[: index + 1]) for index in range(len(steps))]
    kept = [entry(at, b"%d" % number, output=number % 2) for number, at in enumerate(moments)]
    printed, seen = Printed(CONTAINER, None), []
    for length in [*breaks, len(kept)]:
        answer = asked(kept, printed.go_on())[: length or None]
        seen += [line.text for line in printed.lines(iter(answer))]
    printed.go_on()
    seen += [line.text for line in printed.lines(iter(asked(kept, printed.go_on())))]
    assert seen == [each.text for each in kept]


def test_pieces_become_a_line_for_each_output_over_answers():
    printed = Printed(CONTAINER, None)
    first = [entry(1, b"a", 1, ends_line=False), entry(2, b"x", 2, ends_line=False)]
    assert list(printed.lines(iter(first))) == []
    printed.go_on()
    rest = [entry(2, b"x", 2, ends_line=False), entry(3, b"b", 1), entry(4, b"y", 2)]
    assert [line.text for line in printed.lines(iter(rest))] == [b"ab", b"xy"]


def test_a_line_without_end_comes_in_parts():
    printed = Printed(CONTAINER, None)
    pieces = [entry(at, b"x" * 600_000, ends_line=False) for at in range(3)]
    assert [len(line.text) > LINE_MAX_BYTES for line in printed.lines(iter(pieces))] == [True]


def test_what_was_dropped_by_the_engine_is_not_waited_for():
    printed = Printed(CONTAINER, None)
    assert [line.text for line in printed.lines(iter([entry(1, b"a"), entry(1, b"b")]))] == [b"a", b"b"]
    printed.go_on()
    assert [line.text for line in printed.lines(iter([entry(5, b"c"), entry(5, b"d")]))] == [b"c", b"d"]
