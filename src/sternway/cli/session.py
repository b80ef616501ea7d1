"""A command inside a process, with this program's own input, output and exit code for it."""

import contextlib
import os
import select
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from sternway.cli import client, errors, output, stream, terminal
from sternway.wire.stream import parse_exit_frame

CHUNK_BYTES = 16 * 1024
EXIT_MAX = 255


def command_line(words: Sequence[str]) -> str:
    """Return words as the one line that racks split again; a single word is taken as such a line."""
    line = words[0] if len(words) == 1 else shlex.join(words)
    if any(letter in line for letter in "\r\n\0"):
        raise errors.usage(
            "a command with line breaks cannot be sent", hint="send a script on stdin: … exec PROCESS sh < script"
        )
    return line


def execute(rack: client.Rack, path: str, words: Sequence[str], more: Mapping[str, str]) -> int:
    """Run a command at the path of a process, as if it ran here, and return its exit code; `more` are headers."""
    options = {"Command": command_line(words), **more}
    if not terminal.is_interactive():
        with stream.converse(rack, path, options | {"Tty": "false"}) as conversation:
            return _join(conversation)
    height, width = terminal.size()
    sizes = {"Height": str(height), "Width": str(width)}
    with stream.converse(rack, path, options | sizes) as conversation, terminal.raw():
        return _join(conversation)


def _join(conversation: stream.Conversation) -> int:
    with _sending(conversation):
        return _receive(conversation)


def _receive(conversation: stream.Conversation) -> int:
    """Print what comes; the exit code is in the last frame, and nowhere before."""
    last = b""
    for frame in conversation.frames():
        output.copy(last, sys.stdout)
        last = frame if _exit_code(frame) is not None else b""
        if not last:
            output.copy(frame, sys.stdout)
    code = _exit_code(last) or 0
    return code if 0 <= code <= EXIT_MAX else EXIT_MAX


def _exit_code(frame: bytes) -> int | None:
    return parse_exit_frame(frame.decode("latin-1"))


@contextlib.contextmanager
def _sending(conversation: stream.Conversation) -> Iterator[None]:
    """Send what comes on stdin until the block ends; what nobody asked for by then stays unread."""
    ended, end = os.pipe()
    thread = threading.Thread(target=_send_input, args=(conversation, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(end)


def _send_input(conversation: stream.Conversation, ended: int) -> None:
    try:
        while content := _next_input(ended):
            conversation.send(content)
        if not _is_over(ended):
            conversation.end_input()
    finally:
        os.close(ended)


def _next_input(ended: int) -> bytes:
    """Wait for input; nothing at its end, and once nobody wants it any more."""
    try:
        ready, _, _ = select.select([terminal.STDIN, ended], [], [])
        return b"" if ended in ready else os.read(terminal.STDIN, CHUNK_BYTES)
    except OSError:
        # A stdin that is closed, or a terminal that is gone.
        return b""


def _is_over(ended: int) -> bool:
    return bool(select.select([ended], [], [], 0)[0])
