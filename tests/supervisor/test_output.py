from pathlib import Path

from sternway.supervisor.output import LINE_BYTES, Output


def lines(directory: Path) -> list[bytes]:
    """Return what was kept, without the time stamps."""
    content = b"".join(path.read_bytes() for path in sorted(directory.iterdir()))
    return [line.partition(b" ")[2] for line in content.split(b"\n")[:-1]]


def test_lines_are_kept_with_the_time_in_microseconds(tmp_path: Path):
    Output(str(tmp_path)).write(b"hello\n")
    stamp, _, text = (tmp_path / "00000001").read_bytes().partition(b" ")
    assert (len(stamp), stamp.isdigit(), text) == (16, True, b"hello\n")


def test_any_bytes_are_kept(tmp_path: Path):
    text = bytes(set(range(256)) - {10})
    Output(str(tmp_path)).write(text + b"\n\n" + text + b"\n")
    assert lines(tmp_path) == [text, b"", text]


def test_a_line_that_comes_in_pieces_is_one(tmp_path: Path):
    output = Output(str(tmp_path))
    for piece in (b"o", b"n", b"e\ntw", b"o"):
        output.write(piece)
    assert lines(tmp_path) == [b"one"]
    output.end_line()
    output.end_line()
    assert lines(tmp_path) == [b"one", b"two"]


def test_a_line_without_end_is_cut_and_does_not_fill_the_memory(tmp_path: Path):
    output = Output(str(tmp_path))
    for _ in range(10):
        output.write(b"x" * LINE_BYTES)
    output.end_line()
    assert lines(tmp_path) == [b"x" * LINE_BYTES] * 10


def test_old_files_are_dropped(tmp_path: Path):
    output = Output(str(tmp_path), segment_bytes=100, kept=3)
    for number in range(100):
        output.write(b"%04d\n" % number)
    assert len(list(tmp_path.iterdir())) == 3
    assert lines(tmp_path)[-1] == b"0099"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3 * 130


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path):
    output = Output(str(tmp_path / "log"))
    (tmp_path / "log").rmdir()
    output.write(b"lost\n")
    assert output.last_line == "lost"


def test_the_last_line_that_says_something_is_remembered_and_bounded(tmp_path: Path):
    output = Output(str(tmp_path))
    output.write(b"first\n" + b"\xff" + b"y" * 1000 + b"\n  \n")
    assert output.last_line == "\ufffd" + "y" * 199
    output.forget_last_line()
    assert output.last_line == ""
