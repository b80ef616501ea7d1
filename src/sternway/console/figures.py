"""Numbers as people read them."""

from sternway.console import texts


def count(number: int) -> str:
    """Return a whole number."""
    return f"{number:,}"


def rate(number: float) -> str:
    """Return so many a second."""
    if number >= 10 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 0.1 else f"{number:.2f}"


def share(part: float) -> str:
    """Return a share in percent."""
    if part <= 0:
        return texts.PERCENT.format(number="0")
    if part < 0.001:
        return texts.PERCENT.format(number="< 0.1")
    return texts.PERCENT.format(number=f"{part * 100:.0f}" if part >= 0.1 else f"{part * 100:.1f}")


def milliseconds(number: float | None) -> str:
    """Return a time; a dash where there is none."""
    if number is None:
        return texts.NO_FIGURE
    if number < 1:
        return texts.UNDER_A_MILLISECOND
    if number < 1000:
        return texts.MILLISECONDS.format(number=f"{number:.0f}" if number >= 10 else f"{number:.1f}")
    return texts.SECONDS_SHORT.format(number=f"{number / 1000:.1f}")


def mebibytes(number: float) -> str:
    """Return a size of memory."""
    if number < 10_000:
        return texts.MIB.format(number=f"{number:,.0f}")
    return texts.GIB.format(number=f"{number / 1024:,.1f}")


def percent_of(part: float, whole: float) -> float:
    """Return how much of something a part is, from 0 to 100, 0 where the whole is not known."""
    return round(min(100.0, 100 * part / whole), 1) if whole > 0 else 0.0
