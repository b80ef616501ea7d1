"""The terminal of whoever works in a process: what it is like, and that it is always given back as it was."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

STDIN, STDOUT = 0, 1
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def is_interactive() -> bool:
    """Tell whether a person types here and reads here."""
    return os.isatty(STDIN) and os.isatty(STDOUT)


def size() -> tuple[int, int]:
    """Return rows and columns."""
    found = os.get_terminal_size(STDOUT)
    return found.lines, found.columns


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Have every key come as it is, Ctrl-C too, until the block ends, however it does."""
    import termios
    import tty

    before = termios.tcgetattr(STDIN)
    with ending_by_exception():
        try:
            tty.setraw(STDIN)
            yield
        finally:
            sys.stdout.flush()
            with contextlib.suppress(termios.error):
                termios.tcsetattr(STDIN, termios.TCSADRAIN, before)


@contextlib.contextmanager
def ending_by_exception() -> Iterator[None]:
    """Let signals that end a program do so as Ctrl-C does: what has to be put back or removed still is."""
    before = {number: signal.signal(number, _end) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
