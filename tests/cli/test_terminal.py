"""The program as a process of its own with a terminal: what the keys do, and that the terminal is given back."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.cli.scripted import ScriptedRack, Talk

EXEC = "/apps/shop/processes/web/exec"
PATIENCE_S = 20.0
LOCAL = 3
"""Where the local modes stand among the attributes of a terminal."""


@dataclass
class Terminal:
    """A program in a terminal, and the end of it that people sit at."""

    process: subprocess.Popen[bytes]
    screen: int
    other: int
    seen: bytes = b""

    def type(self, keys: bytes) -> None:
        os.write(self.screen, keys)

    def until(self, wanted: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while wanted not in self.seen:
            assert time.monotonic() < deadline, self.seen
            self.seen += os.read(self.screen, 4096)

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)

    def has_echo(self) -> bool:
        return bool(termios.tcgetattr(self.other)[LOCAL] & termios.ECHO)


@contextmanager
def sternway(rack: ScriptedRack, *words: str) -> Iterator[Terminal]:
    screen, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    process = subprocess.Popen(
        # What runs the tests may ignore the signal, as a shell does for what it starts in the background.
        ["env", "--default-signal=INT", sys.executable, "-m", "sternway.cli.main", *words],
        stdin=other,
        stdout=other,
        stderr=other,
        env={"RACK_URL": rack.url, "PATH": os.environ["PATH"], "TERM": "xterm"},
        start_new_session=True,
    )
    try:
        yield Terminal(process, screen, other)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
        os.close(other)


def shell(peer: Talk) -> None:
    """Say that it is there, show each key that comes, and end with q."""
    peer.send(b"ready\r\n")
    while (keys := peer.read()) is not None:
        peer.send(keys.hex().encode() + b"\r\n")
        if keys == b"q":
            return peer.exit(5)


def test_keys_come_one_by_one_and_the_terminal_is_given_back(rack: ScriptedRack) -> None:
    rack.on_talk(EXEC, shell)
    with sternway(rack, "exec", "-a", "shop", "web", "sh") as terminal:
        terminal.until(b"ready\r\n")
        assert not terminal.has_echo()
        for key, shown in ((b"x", b"78\r\n"), (b"\x03", b"03\r\n"), (b"\r", b"0d\r\n")):
            terminal.type(key)
            terminal.until(shown)
        terminal.type(b"q")
        assert terminal.ended() == 5
        assert terminal.has_echo()
    headers = rack.request(f"GET {EXEC}").headers
    assert (headers["Height"], headers["Width"]) == ("33", "111")
    assert "Tty" not in headers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_terminal_is_given_back_after_a_signal(rack: ScriptedRack, number: signal.Signals) -> None:
    left = threading.Event()

    def talk(peer: Talk) -> None:
        peer.send(b"ready\r\n")
        while peer.read() is not None:
            pass
        left.set()

    rack.on_talk(EXEC, talk)
    with sternway(rack, "exec", "-a", "shop", "web", "sh") as terminal:
        terminal.until(b"ready\r\n")
        terminal.process.send_signal(number)
        assert terminal.ended() == 130
        assert terminal.has_echo()
    assert left.wait(PATIENCE_S)


def test_terminal_is_given_back_when_the_connection_breaks(rack: ScriptedRack) -> None:
    rack.on_talk(EXEC, lambda peer: peer.send(b"ready\r\n"))
    with sternway(rack, "exec", "-a", "shop", "web", "sh") as terminal:
        assert terminal.ended() == 1
        assert terminal.has_echo()
        terminal.until(b"ERROR: the connection to the rack was lost")
