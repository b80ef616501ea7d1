"""The one tree of errors.

Each error has a stable `code`, a message for people and a `hint` with what to do next. It answers two
questions: whose fault is it (`fault`), and may the same call be tried again as it is (`may_retry`).
Edges translate: `api` to a status, `cli` to an exit code. Messages never carry environment values.
"""

import math
from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who has to act for the call to succeed."""

    CALLER = "caller"
    RACK = "rack"
    OUTSIDE = "outside"


class SternwayError(Exception):
    """The root of the tree; raise one of the leaves."""

    code: ClassVar[str] = "error"
    fault: ClassVar[Fault] = Fault.RACK
    may_retry: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CallerError(SternwayError):
    """The call cannot succeed as it stands, and changed nothing."""

    fault = Fault.CALLER


class InvalidInput(CallerError):
    """A field is missing or wrong; the message names it and the remedy."""

    code = "invalid"


class ManifestInvalid(InvalidInput):
    """`convox.yml` has errors; the message lists each with its path and line, `warnings` what else there is to say."""

    code = "manifest-invalid"

    def __init__(self, message: str, *, hint: str = "", warnings: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.warnings = warnings


class EnvironmentMissing(InvalidInput):
    """The manifest requires variables that the environment of the release does not have."""

    code = "environment-missing"


class Unauthenticated(CallerError):
    """No credentials, or wrong ones."""

    code = "unauthenticated"


class TooManyAttempts(CallerError):
    """Too many wrong passwords of late, from there or for that user; the same call may succeed `after_s` later."""

    code = "too-many-attempts"
    may_retry = True

    def __init__(self, message: str, *, hint: str = "", after_s: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.after_s = after_s


def too_many_attempts(wait_s: float) -> TooManyAttempts:
    """Return the error for who has to wait so long before another attempt counts."""
    after_s = math.ceil(wait_s)
    return TooManyAttempts("too many failed attempts", hint=f"try again in {after_s} seconds", after_s=after_s)


class NotFound(CallerError):
    """There is no such app, build, release, process or object."""

    code = "not-found"


class Refused(CallerError):
    """The state of the app forbids it now, for example a promotion while another one runs."""

    code = "refused"


class RowsStranded(Refused):
    """An older version of the rack could not hold some rows, and nobody said that they may be taken out."""

    code = "rows-stranded"


class Conflict(CallerError):
    """It exists already, or is locked."""

    code = "conflict"


class Unsupported(CallerError):
    """The engine of this rack cannot do it."""

    code = "unsupported"


class TooLarge(CallerError):
    """The upload or value is over its bound."""

    code = "too-large"


class BuildFailed(CallerError):
    """The source could not be made into an artifact."""

    code = "build-failed"


class Unavailable(SternwayError):
    """A part that the rack needs does not answer. It says nothing about what runs."""

    code = "unavailable"
    fault = Fault.OUTSIDE
    may_retry = True


class EngineUnavailable(Unavailable):
    """The engine does not answer: what runs is unknown, which is not the same as nothing."""

    code = "engine-unavailable"


class RouterUnavailable(Unavailable):
    """The router does not answer, or refused a configuration."""

    code = "router-unavailable"


class StoreUnavailable(Unavailable):
    """The store cannot be read or written."""

    code = "store-unavailable"


class ChannelUnavailable(Unavailable):
    """A channel of versions does not answer, or lacks a file."""

    code = "channel-unavailable"


class ChannelRefused(CallerError):
    """What a channel serves is not what its keys have signed: tampered, replayed, expired, mixed or cut off."""

    code = "channel-refused"


class StaleEpoch(SternwayError):
    """A worker whose lease was taken over tried to act."""

    code = "stale-epoch"


class ArtifactGone(CallerError):
    """The artifact of a build is no longer there, or is not intact."""

    code = "artifact-gone"


class Corrupt(SternwayError):
    """Stored bytes do not pass their check: a wrong key, or damage."""

    code = "corrupt"
