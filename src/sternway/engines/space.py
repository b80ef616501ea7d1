"""A disk that is full, in words for people."""

import errno
import os

from sternway.core.errors import BuildFailed

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WORDS = (*(os.strerror(number).lower() for number in sorted(FULL)), "enospc")


def is_full(problem: OSError) -> bool:
    """Tell whether there was no room for what was to be written."""
    return problem.errno in FULL


def is_named(text: str) -> bool:
    """Tell whether a program says so."""
    return any(words in text.lower() for words in _WORDS)


def full(problem: OSError) -> BuildFailed:
    """Return the failure of a build that found no room."""
    return BuildFailed(
        f"the disk of the rack is full: {problem.strerror}", hint="free space on the disk of the rack, and build again"
    )
