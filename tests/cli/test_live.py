import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from sternway.cli.live import LiveProgress
from tests.cli import samples
from tests.cli.scripted import ScriptedRack

NEW = "RAXHPJHSWZO"
SIZE = struct.pack("HHHH", 24, 60, 0, 0)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.TextIOWrapper):
    """Keeps what was written; `seen` tells when a text was."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self.waited_for = ""
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.waited_for and self.waited_for in text:
            self.seen.set()
        return written

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def screen(text: str) -> str:
    """Return what a terminal shows after all that."""
    lines = [""]
    for part in text.replace("\r\n", "\n").split("\n"):
        lines[-1] = part.rpartition("\r\x1b[K")[2]
        lines.append("")
    return "\n".join(lines[:-1])


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(terminal: Terminal, clock: Clock) -> LiveProgress:
    return LiveProgress(terminal, clock=clock, tick_s=3600)


def test_lines_end_as_without_a_terminal(live: LiveProgress, terminal: Terminal) -> None:
    with live:
        live.begin("Rolling back to R1")
        live.done("OK, R2")
        live.begin("Promoting R2")
        live.step("Starting web")
        live.done()
    assert screen(terminal.text()) == "Rolling back to R1... OK, R2\nPromoting R2...\nStarting web\nOK\n"


def test_long_steps_keep_the_seconds_they_took(live: LiveProgress, terminal: Terminal, clock: Clock) -> None:
    with live:
        live.begin("Promoting R2")
        clock.now_s += 5
        live.step("Starting web")
        clock.now_s += 64
        live.step("Switching traffic")
        live.done()
    assert screen(terminal.text()) == "Promoting R2...\nStarting web  1m4s\nSwitching traffic\nOK\n"


def test_upload_says_how_far_it_is(live: LiveProgress, terminal: Terminal, clock: Clock) -> None:
    with live:
        live.begin("Uploading source")
        for done_bytes in (1_000_000, 1_200_000, 2_500_000):
            clock.now_s += 0.06
            live.moved(done_bytes, 2_500_000)
        live.done()
    assert "40%" not in terminal.text()
    assert "Uploading source... 48% of 2.5 MB" in terminal.text()
    assert "Uploading source... 100% of 2.5 MB" in terminal.text()
    assert screen(terminal.text()) == "Uploading source... OK\n"


def test_what_is_waited_for_stays_below_what_is_copied(live: LiveProgress, terminal: Terminal) -> None:
    with live:
        live.waiting("Building")
        for chunk in (b"one\n", b"tw", b"o\n"):
            live.copy(chunk)
            assert screen(terminal.text()).endswith("Building") == chunk.endswith(b"\n")
        live.step("Build:   B1")
    assert screen(terminal.text()) == "one\ntwo\nBuild:   B1\n"


def test_time_goes_on_while_nothing_happens(terminal: Terminal, clock: Clock) -> None:
    terminal.waited_for = "Starting web  3s"
    with LiveProgress(terminal, clock=clock, tick_s=0.001) as live:
        live.step("Starting web")
        clock.now_s += 3
        assert terminal.seen.wait(10)
    assert screen(terminal.text()) == "Starting web  3s\n"


def test_lines_that_change_never_need_two(live: LiveProgress, terminal: Terminal) -> None:
    with live:
        live.step("x" * 200)
        drawn = terminal.text().rpartition("\r\x1b[K")[2]
        assert (len(drawn), drawn[-1]) == (79, "…")
    assert screen(terminal.text()) == "x" * 200 + "\n"


def test_failure_leaves_the_line_that_was_open(live: LiveProgress, terminal: Terminal) -> None:
    def fail() -> None:
        with live:
            live.begin("Promoting R2")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    live._tick()
    assert screen(terminal.text()) == "Promoting R2...\n"


@pytest.mark.parametrize(
    ("environ", "is_live"), [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)]
)
def test_real_terminal_shows_the_same_lines_in_the_end(
    rack: ScriptedRack, folder: Path, environ: dict[str, str], is_live: bool
) -> None:
    rack.on("POST /apps/shop/releases/R1/rollback", samples.release(NEW))
    rack.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    rack.on("GET /apps/shop/promotions/7", samples.promotion(NEW, "completed", "Starting web", "Switching traffic"))
    text = on_a_terminal(["releases", "rollback", "R1"], {"TERM": "xterm", "RACK_URL": rack.url, **environ})
    lines = f"Rolling back to R1... OK, {NEW}\nPromoting {NEW}...\nStarting web\nSwitching traffic\nOK\n"
    assert screen(text) == lines
    assert ("\x1b[K" in text) == is_live


def test_tables_fit_the_terminal_and_cannot_steer_it(rack: ScriptedRack, folder: Path) -> None:
    rack.on("GET /apps/shop", samples.app())
    rack.on("GET /apps/shop/releases", [samples.release(NEW, build="BWIWLFJJVIU", description="\x1b[2J" + "航" * 50)])
    text = on_a_terminal(["releases"], {"TERM": "xterm", "RACK_URL": rack.url})
    assert "\x1b" not in text
    line = text.splitlines()[1]
    assert line.startswith(f"{NEW}  1 day ago  BWIWLFJJVIU")
    assert line.endswith("航…")
    assert len(line) + line.count("航") <= 60


def test_values_cannot_steer_the_terminal(rack: ScriptedRack, folder: Path) -> None:
    rack.on("GET /apps/shop/releases", [samples.release("R1")])
    rack.on("GET /apps/shop/releases/R1", samples.release("R1", env="A=\x1b[2J"))
    assert on_a_terminal(["env"], {"TERM": "xterm", "RACK_URL": rack.url}) == "A= [2J\n"


def on_a_terminal(words: list[str], environ: Mapping[str, str]) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, SIZE)
    command = [sys.executable, "-m", "sternway.cli.main", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | environ) as process:
        os.close(theirs)
        text = b"".join(iter(lambda: _read(ours), b""))
        assert process.wait(30) == 0, text
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:
        # Linux says so when the other side has gone.
        return b""
