import pytest

from sternway.wire import stream


@pytest.mark.parametrize("code", [0, 7, 137, -1])
def test_exit_frame_carries_its_code(code):
    assert stream.parse_exit_frame(stream.exit_frame(code)) == code


@pytest.mark.parametrize("text", ["", "7\n", f"{stream.EXIT_MARKER}seven\n", f"{stream.EXIT_MARKER}7\nmore", "x" * 50])
def test_anything_else_is_no_exit_frame(text):
    assert stream.parse_exit_frame(text) is None
