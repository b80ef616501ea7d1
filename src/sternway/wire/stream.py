"""How data travels over the API's WebSockets: text frames carry it, one empty binary frame ends it."""

EXIT_MARKER = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:"
"""Begins the text frame that carries the exit code of a command, followed by the number and a newline."""

END_OF_STREAM = b""
"""The payload of the binary frame that ends a stream."""


def exit_frame(code: int) -> str:
    """Return the frame that says with which code a command ended; nothing may follow it in its frame."""
    return f"{EXIT_MARKER}{code}\n"


def parse_exit_frame(text: str) -> int | None:
    """Return the exit code if this frame carries one."""
    if not text.startswith(EXIT_MARKER):
        return None
    return int(text[len(EXIT_MARKER) :].strip() or "0")
