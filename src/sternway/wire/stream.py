"""How data travels over the API's WebSockets: text frames carry it, one empty binary frame ends it."""

import re

EXIT_MARKER = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:"
"""Begins the text frame that carries the exit code of a command, followed by the number and a newline."""

_EXIT_FRAME = re.compile(re.escape(EXIT_MARKER) + r"\s*(-?[0-9]{1,10})\s*")

END_OF_STREAM = b""
"""The payload of the binary frame that ends a stream."""


def exit_frame(code: int) -> str:
    """Return the frame that says with which code a command ended; nothing may follow it in its frame."""
    return f"{EXIT_MARKER}{code}\n"


def parse_exit_frame(text: str) -> int | None:
    """Return the exit code if this frame carries one."""
    found = _EXIT_FRAME.fullmatch(text)
    return int(found[1]) if found else None
