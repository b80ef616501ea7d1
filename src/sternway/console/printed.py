"""What programs print, as text that can be shown: no escape codes, nothing that moves or hides other text."""

import re

# Control sequences (CSI), strings (OSC, DCS, APC, PM, SOS) up to their end, and two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
MAX_LENGTH = 4000


def shown(line: bytes) -> str:
    """Return the line as text for a page; what cannot be shown is left out or replaced."""
    text = _ESCAPES.sub("", line[: 2 * MAX_LENGTH].decode("utf-8", "replace")).expandtabs(4)
    # A carriage return writes over the line: what stood there last counts.
    text = text.rstrip("\r").rpartition("\r")[2]
    visible = "".join(c if c.isprintable() else ("" if c < " " else "\N{REPLACEMENT CHARACTER}") for c in text)
    return visible if len(visible) <= MAX_LENGTH else visible[:MAX_LENGTH] + "…"


def shown_text(text: str) -> str:
    """Return stored text of several lines the same way."""
    return "\n".join(shown(line.encode("utf-8", "replace")) for line in text.splitlines())
