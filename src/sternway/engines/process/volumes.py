"""The directories that outlive processes: kept by the rack for an app, or of the machine, as the manifest says.

All services of an app that name the same target share one. In a sandbox it is at its target; everywhere a
variable names where it is, `VOLUME_DATA` for `/data`.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sternway.core.errors import Conflict
from sternway.core.formation import Volume

DIRECTORY = "volumes"
LEFT = "volumes-left"
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9]+")
_RESERVED = ("/proc", "/dev", "/sys", "/tmp", "/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc")


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume of one process: where it lies, where the process is to see it, and the variable that says so."""

    source: Path
    target: str
    is_kept: bool

    @property
    def variable(self) -> str:
        """Return the name of the variable."""
        return f"VOLUME_{_words(self.target, '_').upper()}"


@dataclass(frozen=True, slots=True)
class Mounts:
    """What the volumes of a service come to, and lines about those that come to nothing."""

    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]


class Volumes:
    """The volumes of one rack. Nothing in `private`, the rack's own directory, can be one of the machine."""

    def __init__(self, data: Path, private: Path) -> None:
        self._data = data
        self._private = os.path.realpath(private)

    def of(self, app: str, wanted: Sequence[Volume], user: int | None) -> Mounts:
        """Return where the volumes are; those that the rack keeps are made, for this user. Raises OSError."""
        mounts, notes = [], []
        for volume in wanted:
            problem = self._problem(volume)
            if problem:
                notes.append(f"volume {volume.target}: {problem}")
            elif volume.source:
                mounts.append(Mount(Path(os.path.realpath(volume.source)), volume.target, is_kept=False))
            else:
                kept = self._data / DIRECTORY / app / slug(volume.target)
                _keep(kept, user)
                mounts.append(Mount(Path(os.path.realpath(kept)), volume.target, is_kept=True))
        return Mounts(tuple(mounts), tuple(notes))

    def leave(self, app: str, owner: int = 0) -> None:
        """Put the volumes of an app that is gone aside, where no other app of that name finds them.

        With an owner, `recall` finds them again.
        """
        kept = self._data / DIRECTORY / app
        if not kept.is_dir():
            return
        aside = self._data / LEFT
        aside.mkdir(mode=0o700, exist_ok=True)
        number = sum(1 for _ in aside.glob(f"{app}.*")) + 1
        os.rename(kept, _aside(self._data, app, owner) if owner else aside / f"{app}.{number}")

    def recall(self, app: str, owner: int) -> bool:
        """Bring the volumes of this owner back; tell whether there are any."""
        kept, left = self._data / DIRECTORY / app, _aside(self._data, app, owner)
        if not left.is_dir():
            return kept.is_dir()
        if kept.is_dir():
            raise Conflict(f"there are volumes of another {app}", hint=f"see {kept} and {left} on the rack's machine")
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(left, kept)
        return True

    def _problem(self, volume: Volume) -> str:
        target = os.path.normpath(volume.target)
        if target == "/" or any(_is_in(target, reserved) for reserved in _RESERVED):
            return "ignored, since this path is the system's"
        if volume.source is None:
            return ""
        if not volume.source.startswith("/"):
            return f"ignored, since {volume.source} is no path of the machine"
        source = os.path.realpath(volume.source)
        if _is_in(source, self._private) or _is_in(self._private, source):
            return "ignored, since the rack's own directory is no volume"
        return ""


def _aside(data: Path, app: str, owner: int) -> Path:
    return data / LEFT / f"{app}.of-{owner}"


def slug(target: str) -> str:
    """Return the name of the directory for a target; different targets never share one."""
    path = os.path.normpath(target)
    return f"{_words(path, '-').lower()}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _words(path: str, separator: str) -> str:
    return _NOT_A_WORD.sub(separator, os.path.normpath(path)).strip(separator)


def _is_in(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def _keep(directory: Path, user: int | None) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.mkdir(mode=0o700, exist_ok=True)
    if user is not None and directory.stat().st_uid != user:
        _give(directory, user)


def _give(directory: Path, user: int) -> None:
    """Make it the user's with all that is in it, without ever following a link that may be laid meanwhile."""
    for _, directories, names, at in os.fwalk(directory):
        for name in (*directories, *names):
            os.chown(name, user, user, dir_fd=at, follow_symlinks=False)
    shutil.chown(directory, user, user)
