"""Text as a terminal shows it: what it must not be sent, and how many columns a text takes."""

ELLIPSIS = "…"


def printable(text: str) -> str:
    """Return the text without what would steer a terminal or break a line."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def width(text: str) -> int:
    """Return the number of columns: 2 for wide letters (Chinese, emoji), 0 for marks that join the one before."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def filled(text: str, columns: int) -> str:
    """Return the text with spaces behind it, `columns` wide."""
    return text + " " * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """Return as much of the text as fits, in an ellipsis if that is not all."""
    if width(text) <= columns:
        return text
    kept, left = 0, columns - 1
    while (left := left - _columns(text[kept])) >= 0:
        kept += 1
    return text[:kept].rstrip() + ELLIPSIS


def _columns(letter: str) -> int:
    import unicodedata

    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1
