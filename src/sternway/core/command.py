"""Release commands: what a service has run once before a release begins, and what undoes it on the way back.

`agenda` says which are due for a promotion, `due` which of them is next. Both are pure: after a crash the same
rows give the rest of the work. What a build did is one thing, whichever of its releases asks for it: between two
environments of one build there is nothing to undo.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sternway.core.errors import SternwayError
from sternway.core.manifest import Manifest, parse
from sternway.core.release import Release


class CommandKind(StrEnum):
    """What it is for; the words are those of `convox.yml`."""

    RELEASE = "release"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Command:
    """What one service of one release is to run once, with the artifact and the environment of that release."""

    kind: CommandKind
    release_id: str
    service: str

    def __str__(self) -> str:
        return f"{self.kind} command of {self.service} ({self.release_id})"


class RunStatus(StrEnum):
    """How far a run has come. BEGUN: decided, and perhaps started; RUNNING: started, in a process that is known."""

    BEGUN = "begun"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_open(self) -> bool:
        """Tell whether it has yet to end."""
        return self in (RunStatus.BEGUN, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command during a promotion, of which there is one at most, as it stood `at`."""

    promotion_id: int
    command: Command
    status: RunStatus
    at: datetime
    process_id: str = ""
    exit_code: int | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """A build as the history has it, by the release that last had to do with it.

    `order` is the build's own, `promotion_id` that of the last attempt that made it active, 0: never.
    """

    release_id: str
    build_id: str
    order: int
    promotion_id: int


@dataclass(frozen=True, slots=True)
class Effect:
    """That the command of a service ended well for a build, in that promotion."""

    build_id: str
    service: str
    kind: CommandKind
    promotion_id: int


@dataclass(frozen=True, slots=True)
class History:
    """Where the build of a release stands: those newer that were active or had effects, and all effects."""

    own: Reached
    newer: tuple[Reached, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """The services that have commands, in the order of the manifest."""

    reached: Reached
    release: tuple[str, ...] = ()
    rollback: tuple[str, ...] = ()


def may_declare(release: Release) -> bool:
    """Tell at little cost whether there is any use in looking for commands in a manifest."""
    return any(word in release.manifest for word in (*CommandKind, "${"))


def declared(release: Release, reached: Reached) -> Declared:
    """Return which services have commands; none for a manifest that cannot be read."""
    if not may_declare(release):
        return Declared(reached)
    try:
        services = parse(release.manifest, release.environment).manifest.services
    except SternwayError:
        return Declared(reached)
    return Declared(
        reached,
        release=tuple(name for name, service in services.items() if service.release),
        rollback=tuple(name for name, service in services.items() if service.rollback),
    )


def text(manifest: Manifest, command: Command) -> str:
    """Return what the manifest has a service run."""
    service = manifest.services[command.service]
    return (service.release if command.kind is CommandKind.RELEASE else service.rollback) or ""


def forth(target: Declared, effects: Sequence[Effect], *, is_rollback: bool) -> tuple[Command, ...]:
    """Return the release commands that are due before `target` begins.

    Whoever goes back finds what they did before, so nothing is run again, unless it never was or was undone.
    """
    return tuple(
        Command(CommandKind.RELEASE, target.reached.release_id, service)
        for service in target.release
        if not (is_rollback and _stands(target.reached, service, effects))
    )


def back(target: Reached, newer: Iterable[Declared], effects: Sequence[Effect]) -> tuple[Command, ...]:
    """Return the rollback commands of what is gone back over: newer than `target`, and not undone yet.

    The newest comes first, and within a release the last service, as that is how it came about. A release that
    never got active counts as well where its release command did its work.
    """
    passed = [each for each in newer if each.reached.order > target.order]
    passed.sort(key=lambda each: each.reached.order, reverse=True)
    return tuple(
        Command(CommandKind.ROLLBACK, each.reached.release_id, service)
        for each in passed
        for service in reversed(each.rollback)
        if _stands(each.reached, service, effects)
    )


def due(agenda: Sequence[Command], runs: Sequence[CommandRun]) -> Command | None:
    """Return the first command that has yet to succeed; None once all have."""
    done = {run.command for run in runs if run.status is RunStatus.SUCCEEDED}
    return next((command for command in agenda if command not in done), None)


def _stands(reached: Reached, service: str, effects: Sequence[Effect]) -> bool:
    """Whether what a service did for this build is still there: done, or active, later than it was undone."""
    own = [each for each in effects if (each.build_id, each.service) == (reached.build_id, service)]
    done = [each.promotion_id for each in own if each.kind is CommandKind.RELEASE]
    undone = [each.promotion_id for each in own if each.kind is CommandKind.ROLLBACK]
    return max(reached.promotion_id, *done, 0) > max(0, *undone, 0)
