"""What a command may end with: a message for people, a hint with what to do next, and an exit code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What scripts may rely on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    INTERRUPTED = 130


class CommandFailed(Exception):
    """The command could not do what it was asked to; raise it where the cause is known."""

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class Interrupted(CommandFailed):
    """A person stopped the command, not what it had begun; the message says what goes on."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.INTERRUPTED)


class Unreachable(CommandFailed):
    """No answer came from the rack. It says nothing about what the rack did or does."""


class Refused(CommandFailed):
    """The rack answered with an error; `status` is that of HTTP, `code` Sternway's own or empty."""

    def __init__(self, status: int, message: str, *, code: str = "", hint: str = "") -> None:
        # Racks of every make answer so where they lack a route; one that lacks the app says that in words.
        self.is_route_missing = status == 404 and not message
        if self.is_route_missing:
            message, hint = "this rack does not offer it", "see which version it runs: sternway version"
        super().__init__(message or f"response status {status}", hint=hint, exit_code=_exit_code(status))
        self.status = status
        self.code = code


def not_found(message: str, *, hint: str = "") -> CommandFailed:
    """Return the failure for something that is not there."""
    return CommandFailed(message, hint=hint, exit_code=ExitCode.NOT_FOUND)


def usage(message: str, *, hint: str = "") -> CommandFailed:
    """Return the failure for a command that was typed wrongly."""
    return CommandFailed(message, hint=hint, exit_code=ExitCode.USAGE)


def _exit_code(status: int) -> ExitCode:
    return {404: ExitCode.NOT_FOUND, 409: ExitCode.CONFLICT}.get(status, ExitCode.FAILED)
