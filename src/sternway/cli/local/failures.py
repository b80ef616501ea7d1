"""The errors of Sternway's own packages as those of a command, for commands that import them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sternway.cli import errors
from sternway.core.errors import Conflict, InvalidInput, NotFound, SternwayError

_EXIT_CODES = {
    InvalidInput: errors.ExitCode.USAGE,
    NotFound: errors.ExitCode.NOT_FOUND,
    Conflict: errors.ExitCode.CONFLICT,
}


@contextmanager
def told() -> Iterator[None]:
    """Let a command end with the message, hint and exit code of what went wrong."""
    try:
        yield
    except SternwayError as exc:
        codes = [code for kind, code in _EXIT_CODES.items() if isinstance(exc, kind)]
        exit_code = codes[0] if codes else errors.ExitCode.FAILED
        raise errors.CommandFailed(exc.message, hint=exc.hint, exit_code=exit_code) from exc
