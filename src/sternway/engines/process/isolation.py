"""What this machine lets the engine do to keep processes apart, found out once by trying it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from sternway import supervisor
from sternway.engines.process import users
from sternway.supervisor import order
from sternway.supervisor.confinement import Bind, Confinement

TRIAL = "trial"
TRIAL_TIMEOUT_S = 30.0
CONTROLLERS = ("memory", "cpu", "pids")
FREEZER = "freezer"
"""What freezes groups of version 1; those of version 2 can be frozen without a controller."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt")
NAMES = "/etc/resolv.conf"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may be used where it works; for machines and tests that are better off without."""

    groups: bool = True
    users: bool = True
    sandbox: bool = True


@dataclass(frozen=True, slots=True)
class Isolation:
    """What can be used. `groups` says below which directory groups are made, by controller.

    `sandbox` is the path of bubblewrap. `problems` says of each thing that cannot be used why.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    has_users: bool = False
    sandbox: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_limit(self) -> bool:
        """Tell whether memory and processor can be bounded."""
        return "memory" in self.groups and "cpu" in self.groups

    @property
    def is_open(self) -> bool:
        """Tell whether apps run with all the rights of a rack that has every right."""
        return os.geteuid() == 0 and not self.has_users


def find(data: Path, wanted: Wanted = Wanted(), python: str = sys.executable) -> Isolation:
    """Try what is wanted; takes some 100 milliseconds. What cannot even be tried cannot be used."""
    place = data / TRIAL
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    groups = _candidates(data) if wanted.groups else {}
    modes = list(_modes(wanted))
    question = {"groups": list(groups.values()), "orders": [asdict(_order(place, mode)) for mode in modes]}
    try:
        found = _ask(python, question)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
        return Isolation(problems={"trial": str(problem)})
    usable = {name: parent for name, parent in zip(groups, found["groups"], strict=True) if parent}
    return _chosen(usable, modes, found["problems"])


def _chosen(groups: Mapping[str, str], modes: list[Confinement], problems: list[str]) -> Isolation:
    """Take the first that works: the modes are sorted, the best first."""
    failed: dict[str, str] = {}
    for mode, problem in zip(modes, problems, strict=False):
        if not problem:
            return Isolation(groups, mode.user is not None, mode.sandbox, failed)
        failed["bubblewrap" if mode.sandbox else "users"] = problem
    return Isolation(groups, problems=failed)


def _modes(wanted: Wanted) -> Iterator[Confinement]:
    found = shutil.which("bwrap") if wanted.sandbox else None
    user = users.FIRST if wanted.users and os.geteuid() == 0 else None
    if found:
        yield Confinement(user=user, sandbox=found, system=system())
    if user is not None:
        yield Confinement(user=user)


def _order(place: Path, mode: Confinement) -> order.Order:
    return order.Order(
        id=TRIAL,
        directory=str(place),
        command="test -r .",
        working_directory=str(place),
        environment={},
        grace_s=0,
        confinement=Confinement(
            user=mode.user,
            covers=covers(place.parent, (place,)) if mode.user is not None else (),
            binds=(Bind(str(place), str(place)),),
            sandbox=mode.sandbox,
            system=mode.system,
        ),
    )


def _ask(python: str, question: Mapping[str, object]) -> dict[str, Any]:
    program = Path(str(supervisor.__file__)).with_name("__main__.py")
    orders: Any = question["orders"]
    spoken = {**question, "orders": [{"protocol": order.PROTOCOL, **each} for each in orders]}
    done = subprocess.run(
        [python, "-I", "-S", str(program), "try"],
        input=order.encode(spoken),
        capture_output=True,
        env={},
        cwd="/",
        check=True,
        timeout=TRIAL_TIMEOUT_S,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def covers(private: Path, seen: Iterable[Path]) -> tuple[str, ...]:
    """Return what has to look empty to an app's user: the rack's own, and what is closed above what it is to see."""
    found = {str(private), *(closed for path in seen if (closed := _closed(path)))}
    return tuple(sorted(each for each in found if not any(each.startswith(f"{other}/") for other in found)))


def _closed(path: Path) -> str | None:
    """Return the topmost directory above a path that others may not pass, if there is one."""
    for directory in reversed(path.parents):
        try:
            if not directory.stat().st_mode & 0o001:
                return str(directory)
        except OSError:
            return None
    return None


def system() -> tuple[str, ...]:
    """Return what every sandbox shows of the machine, read-only: programs, libraries and settings."""
    names = os.path.realpath(NAMES)
    there = tuple(path for path in SYSTEM if os.path.lexists(path))
    is_elsewhere = os.path.exists(names) and not names.startswith(tuple(f"{path}/" for path in there))
    return (*there, names) if is_elsewhere else there


def _candidates(data: Path) -> dict[str, list[str]]:
    """Return below which directories the groups of this rack may be made, by controller, the nearest first."""
    name = f"sternway-{sha256(os.fsencode(data)).hexdigest()[:12]}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        places = dict(_place(line) for line in Path("/proc/self/cgroup").read_text().splitlines())
    except (OSError, ValueError):
        return {}
    found: dict[str, list[str]] = {controller: [] for controller in (*CONTROLLERS, FREEZER)}
    for kind, controllers, root, mounted in _hierarchies(mounts):
        for controller in controllers:
            own = places.get("" if kind == "cgroup2" else controller, "/")
            found[controller] += [f"{parent}/{name}" for parent in _parents(mounted, own, root)]
    return found


def _place(line: str) -> tuple[str, str]:
    """Return the controllers of a line of /proc/self/cgroup, of which one is as good as all, and the path."""
    _, controllers, path = line.split(":", 2)
    return next((name for name in CONTROLLERS if name in controllers.split(",")), controllers), path


def _hierarchies(mounts: list[str]) -> Iterator[tuple[str, list[str], str, str]]:
    for line in mounts:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mounted = before.split(" ")[3:5]
        if kind == "cgroup":
            yield kind, [name for name in (*CONTROLLERS, FREEZER) if name in options.split(",")], root, mounted
        elif kind == "cgroup2":
            yield kind, _controllers(mounted), root, mounted


def _controllers(mounted: str) -> list[str]:
    try:
        there = Path(mounted, "cgroup.controllers").read_text().split()
    except OSError:
        return []
    return [name for name in CONTROLLERS if name in there]


def _parents(mounted: str, own: str, root: str) -> Iterator[str]:
    """Yield our own group, the one above it, and the topmost, as far as they differ.

    In version 2 a group that holds processes can have no bounded groups below it; the one above it can.
    """
    inside = own.removeprefix(root) if root != "/" else own
    path = os.path.normpath(f"{mounted}/{inside}")
    yield from dict.fromkeys((path, os.path.dirname(path) if path != mounted else path, mounted))
