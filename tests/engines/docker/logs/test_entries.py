from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker.logs import entries
from sternway.engines.docker.logs.entries import PIECE_BYTES, Entries, Entry

AT_NS = 1767225600_000000001
STAMP = b"2026-01-01T00:00:00.000000001Z"


def framed(text: bytes, output: int = 1, stamp: bytes = STAMP) -> bytes:
    content = stamp + b" " + text
    return bytes([output, 0, 0, 0]) + len(content).to_bytes(4) + content


def fed(chunks: Iterable[bytes]) -> list[Entry]:
    found = Entries()
    taken = [entry for chunk in chunks for entry in found.feed(chunk)]
    return taken + list(found.rest())


@given(st.lists(st.tuples(st.binary(max_size=40), st.sampled_from([1, 2]))), st.integers(1, 30))
def test_frames_come_out_as_they_went_in_wherever_the_stream_is_cut(texts, size):
    stream = b"".join(framed(text.replace(b"\n", b"") + b"\n", output) for text, output in texts)
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert fed(chunks) == [Entry(AT_NS, output, text.replace(b"\n", b""), True) for text, output in texts]


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_lines_of_a_terminal_come_out_without_its_line_ends(texts, size):
    plain = [text.replace(b"\n", b"").rstrip(b"\r") for text in texts]
    stream = b"".join(STAMP + b" " + text + b"\r\n" for text in plain)
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [entry.text for entry in fed(chunks)] == plain


def test_a_piece_of_a_long_line_does_not_end_it_and_what_is_shorter_does():
    long, short = b"x" * PIECE_BYTES, b"the end"
    found = fed([framed(long), framed(short)])
    assert [(entry.text, entry.ends_line) for entry in found] == [(long, False), (short, True)]


def test_pieces_of_a_terminals_line_are_parted_at_their_times():
    long = b"x" * PIECE_BYTES
    found = fed([STAMP + b" " + long + STAMP + b" " + long + STAMP + b" end\r\n" + STAMP + b" next"])
    assert [entry.text for entry in found] == [long, long, b"end", b"next"]
    assert [entry.ends_line for entry in found] == [False, False, True, True]


@pytest.mark.parametrize(
    ("stamp", "at_ns"),
    [
        (b"2026-01-01T00:00:00Z", 1767225600_000000000),
        (b"2026-01-01T00:00:00.5Z", 1767225600_500000000),
        (b"2026-01-01T00:00:00.123456789Z", 1767225600_123456789),
        (b"2026-01-01T00:00:00.1234567Z", 1767225600_123456700),
        (b"2026-01-01T02:00:00.123456789+02:00", 1767225600_123456789),
    ],
)
def test_times_are_read_to_the_nanosecond_in_any_zone(stamp, at_ns):
    (entry,) = fed([framed(b"text\n", stamp=stamp)])
    assert entry.at_ns == at_ns


def test_what_an_engine_says_beside_the_log_is_passed_over():
    noise = b"error from daemon in stream: Error grabbing logs"
    stream = b"\3\0\0\0" + len(noise).to_bytes(4) + noise + framed(b"text\n")
    assert [entry.text for entry in fed([stream])] == [b"text"]


def test_a_frame_beyond_all_measure_is_an_error():
    with pytest.raises(EngineUnavailable):
        fed([b"\1\0\0\0\xff\xff\xff\xff"])


def test_times_go_there_and_back_to_the_microsecond():
    at = datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=UTC)
    assert entries.moment(entries.nanoseconds(at)) == at
