"""How a process is kept apart from the rest of the machine, and how it gets there before it is the command.

In this order: into its control groups, under its resource limits, behind mounts of its own, as its own user.
A sandbox around all that is made by bubblewrap (`sandbox`), which then runs as that user as well.
"""

import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sternway.supervisor import cgroup, kernel

_RESOURCES = {
    "core": resource.RLIMIT_CORE,
    "data": resource.RLIMIT_DATA,
    "tasks": resource.RLIMIT_NPROC,
}


@dataclass(frozen=True, slots=True)
class Bind:
    """A directory of the machine that the process sees, at `target`."""

    source: str
    target: str
    is_writable: bool = False


@dataclass(frozen=True, slots=True)
class Confinement:
    """Everything that keeps one process apart; by default nothing does.

    `groups` are directories of control groups, which `limits` bound; `resources` are limits of the classic
    kind, by name. `user` is who it runs as. Each of `covers` looks empty to it, but for what is in `binds`.
    `sandbox` is the path of bubblewrap, and `system` what is seen in there besides.
    """

    groups: tuple[str, ...] = ()
    limits: cgroup.Limits = field(default_factory=cgroup.Limits)
    resources: Mapping[str, int] = field(default_factory=dict)
    user: int | None = None
    covers: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    sandbox: str = ""
    system: tuple[str, ...] = ()


def parse(message: Mapping[str, Any]) -> Confinement:
    """Read what an order says of it; raises ValueError, TypeError or KeyError for a wrong one."""
    user = message.get("user")
    return Confinement(
        groups=_texts(message.get("groups", ())),
        limits=cgroup.Limits(**message.get("limits", {})),
        resources={str(name): int(value) for name, value in message.get("resources", {}).items()},
        user=None if user is None else int(user),
        covers=_texts(message.get("covers", ())),
        binds=tuple(Bind(**each) for each in message.get("binds", ())),
        sandbox=str(message.get("sandbox", "")),
        system=_texts(message.get("system", ())),
    )


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def enter(wanted: Confinement) -> None:
    """Go where the process is to be; there is no way back. Raises OSError."""
    bound(wanted)
    if wanted.user is not None:
        _hide(wanted.covers, wanted.binds)
        os.setgroups([])
        become(wanted.user)
    if wanted.user is not None and not wanted.sandbox:
        # Bubblewrap forbids them itself, once it has what it needs.
        kernel.forbid_new_privileges()


def bound(wanted: Confinement) -> None:
    """Go into the control groups, and under the limits of the classic kind; raises OSError."""
    for group in wanted.groups:
        cgroup.enter(group)
    for name, value in wanted.resources.items():
        _limit(_RESOURCES[name], value)


def become(user: int) -> None:
    """Be this user, with nothing of the one before; raises OSError."""
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _limit(number: int, value: int) -> None:
    """Bound a resource; the machine may have set a lower bound, which stays."""
    hard = resource.getrlimit(number)[1]
    lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(number, (lowest, lowest))


def _hide(covers: Sequence[str], binds: Sequence[Bind]) -> None:
    """Cover directories, and have what is bound be seen in them, though its path was closed to the user.

    What is seen is opened before, by us, since afterwards its path leads nowhere.
    """
    kernel.leave_mounts()
    seen = [each for each in binds if _is_below(each.source, covers)]
    opened = [os.open(each.source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for each in seen]
    for directory in covers:
        kernel.cover(directory)
    for each, file in zip(seen, opened, strict=True):
        _make(each.source)
        kernel.bind(f"/proc/self/fd/{file}", each.source)
        os.close(file)


def _is_below(path: str, covers: Sequence[str]) -> bool:
    return any(f"{path}/".startswith(f"{cover}/") for cover in covers)


def _make(directory: str) -> None:
    """Make a directory that everybody may pass; the mask would close it."""
    before = os.umask(0o022)
    try:
        os.makedirs(directory, exist_ok=True)
    finally:
        os.umask(before)
