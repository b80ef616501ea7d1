"""The programs beside the product that need care to be right: when an answer is whole, and who stole time."""

import pytest

from bench.machine import Ticks
from bench.rush import is_whole


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nDate: now\r\n\r\n", True),
    ],
)
def test_an_answer_is_whole_once_its_body_is_as_long_as_it_said(received: bytes, expected: bool):
    assert is_whole(received) is expected


def test_stolen_time_is_a_share_of_the_busy_time():
    before, after = Ticks(total=1000, idle=500, stolen=0), Ticks(total=2000, idle=1300, stolen=50)
    assert after.stolen_percent_since(before) == 25.0


def test_a_machine_that_did_nothing_had_nothing_stolen():
    ticks = Ticks(total=10, idle=10, stolen=0)
    assert ticks.stolen_percent_since(ticks) == 0.0
