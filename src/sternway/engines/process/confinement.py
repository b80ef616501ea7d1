"""How each process is kept apart: what of the isolation that this machine allows its formation calls for."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sternway.core.formation import Formation, Limits
from sternway.engines.process import environment, isolation
from sternway.engines.process.artifacts import Located
from sternway.engines.process.users import Users
from sternway.engines.process.volumes import Mount, Volumes
from sternway.supervisor import cgroup
from sternway.supervisor.confinement import Bind, Confinement

TASKS = 1024
TASKS_OF_USER = 4096
SANDBOX_TEMPORARY = "/tmp"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Confined:
    """What the order of one process says of it. `variables` come from here, `notes` begin the process's log."""

    confinement: Mapping[str, object]
    variables: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confiner:
    """Makes what a process is confined to. `private` is the directory of the whole rack, which no app sees."""

    private: Path
    isolation: isolation.Isolation
    users: Users
    volumes: Volumes

    def confine(self, formation: Formation, directory: Path, located: Located) -> Confined:
        """Return how a process of the formation is kept apart, and make what belongs to it alone.

        `directory` is the process's own. Raises OSError and EngineUnavailable.
        """
        user = self.users.of(formation.key.app) if self.isolation.has_users else None
        mounts = self.volumes.of(formation.key.app, formation.volumes, user)
        home, temporary = directory / environment.HOME, directory / environment.TEMPORARY
        if user is not None:
            os.chown(home, user, user)
            os.chown(temporary, user, user)
        confinement = self._confinement(formation, user, _Places(located, home, temporary, mounts.mounts))
        return Confined(
            asdict(confinement),
            self._variables(mounts.mounts, temporary),
            (*self._notes(formation.limits), *mounts.notes, *self._volume_notes(mounts.mounts)),
        )

    def _confinement(self, formation: Formation, user: int | None, places: "_Places") -> Confinement:
        groups = self._groups(formation.limits, user)
        binds = tuple(self._binds(places))
        seen = [Path(bind.source) for bind in binds if not self._is_of_machine(bind, places.mounts)]
        return Confinement(
            groups=tuple(dict.fromkeys(f"{parent}/{places.home.parent.name}" for parent in groups.values())),
            limits=cgroup.Limits(formation.limits.memory_mib, formation.limits.cpu_millis, TASKS),
            resources=dict(_resources(formation.limits, groups, user)),
            user=user,
            covers=isolation.covers(Path(os.path.realpath(self.private)), seen)
            if user is not None or self.isolation.sandbox
            else (),
            binds=binds,
            sandbox=self.isolation.sandbox,
            system=isolation.system() if self.isolation.sandbox else (),
        )

    def _groups(self, limits: Limits, user: int | None) -> Mapping[str, str]:
        """Return the groups that are needed: entering the first costs some 15 ms.

        Without them a user of its own bounds what an app can start.
        """
        is_bounded = limits.memory_mib is not None or limits.cpu_millis is not None
        return self.isolation.groups if is_bounded or user is None else {}

    def _binds(self, places: "_Places") -> Iterator[Bind]:
        """Yield what the process sees; without a sandbox each at its own path."""
        is_sandboxed = bool(self.isolation.sandbox)
        temporary = os.path.realpath(places.temporary)
        if is_sandboxed:
            yield Bind(temporary, SANDBOX_TEMPORARY, is_writable=True)
            yield Bind(temporary, "/var/tmp", is_writable=True)
        else:
            yield Bind(temporary, str(places.temporary), is_writable=True)
        yield Bind(os.path.realpath(places.home), str(places.home), is_writable=True)
        for path in (places.located.root, *places.located.extra_paths, *_interpreter()):
            yield Bind(os.path.realpath(path), str(path))
        for mount in places.mounts:
            yield Bind(str(mount.source), mount.target if is_sandboxed else str(mount.source), is_writable=True)

    def _is_of_machine(self, bind: Bind, mounts: Sequence[Mount]) -> bool:
        return any(str(mount.source) == bind.source and not mount.is_kept for mount in mounts)

    def _variables(self, mounts: Sequence[Mount], temporary: Path) -> Mapping[str, str]:
        is_sandboxed = bool(self.isolation.sandbox)
        named = {mount.variable: mount.target if is_sandboxed else str(mount.source) for mount in mounts}
        return {**named, "TMPDIR": SANDBOX_TEMPORARY if is_sandboxed else str(temporary)}

    def _notes(self, limits: Limits) -> Iterator[str]:
        if self.isolation.is_open:
            yield f"user: runs as root, as the rack does, since {self._reason()}"
        if limits.memory_mib is not None and "memory" not in self.isolation.groups:
            yield f"limits: {limits.memory_mib} MiB of memory for each process alone, without control groups"
        if limits.cpu_millis is not None and "cpu" not in self.isolation.groups:
            yield "limits: the processor is not bounded, since this machine lends no control groups"

    def _reason(self) -> str:
        return self.isolation.problems.get("users", "users of their own are switched off")

    def _volume_notes(self, mounts: Sequence[Mount]) -> Iterator[str]:
        for mount in mounts if not self.isolation.sandbox else ():
            yield f"volume {mount.target}: is at {mount.source}, as {mount.variable} says, since bubblewrap is not used"


@dataclass(frozen=True, slots=True)
class _Places:
    """The directories of one process."""

    located: Located
    home: Path
    temporary: Path
    mounts: Sequence[Mount]


def _interpreter() -> Iterator[Path]:
    """Yield where the Python of the rack is, which environments of apps may be made with, unless all see it."""
    for path in dict.fromkeys(Path(path) for path in (sys.prefix, sys.base_prefix)):
        if not f"{path}/".startswith(tuple(f"{each}/" for each in isolation.SYSTEM)):
            yield path


def _resources(limits: Limits, groups: Mapping[str, str], user: int | None) -> Iterator[tuple[str, int]]:
    """Yield the limits of the classic kind: no core files, which hold secrets, and what no group bounds."""
    yield ("core", 0)
    if limits.memory_mib is not None and "memory" not in groups:
        yield ("data", limits.memory_mib * MIB)
    if user is not None and "pids" not in groups:
        yield ("tasks", TASKS_OF_USER)
