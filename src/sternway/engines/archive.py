"""Unpacks what was uploaded, and trusts nothing in it.

The checks are made by hand, on names and not on the file system, since the standard library's filters are
missing from the first releases of Python 3.11.
"""

import lzma
import os
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sternway.core.errors import BuildFailed
from sternway.engines import space

MAX_FILES = 200_000
MAX_BYTES = 2 * 1024**3
LATEST = 2**32 - 1

Wanted = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an archive may hold."""

    files: int = MAX_FILES
    size_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Unpacked:
    """How much an archive held."""

    files: int
    size_bytes: int


def unpack(archive: Path, into: Path, bounds: Bounds = Bounds(), is_wanted: Wanted = lambda: True) -> Unpacked:
    """Unpack a tar, gzipped or not, into an empty directory; raises BuildFailed and says which entry is at fault.

    Directories and files come first and links last, so that nothing is ever written through a link. It gives up
    between two entries once `is_wanted` says no. A full disk raises OSError, as everywhere.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            return _unpack(tar, into, bounds, is_wanted)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as exc:
        if isinstance(exc, OSError) and space.is_full(exc):
            raise
        raise BuildFailed(f"the archive cannot be unpacked: {exc}", hint="upload a gzip tar of the source") from exc


def _unpack(tar: tarfile.TarFile, into: Path, bounds: Bounds, is_wanted: Wanted) -> Unpacked:
    links: list[tarfile.TarInfo] = []
    files = size = 0
    for member in tar:
        if not is_wanted():
            raise BuildFailed("the build was given up")
        files += 1
        size += member.size if member.isreg() else 0
        _check_bounds(files, size, bounds)
        name = _checked_name(member)
        if member.issym() or member.islnk():
            _check_target(member, name)
            links.append(member)
        elif name:
            _write(tar, member, into / name)
    for member in links:
        _link(member, into)
    for member in links:
        _check_where_it_leads(member, into)
    return Unpacked(files, size)


def _check_bounds(files: int, size: int, bounds: Bounds) -> None:
    if files > bounds.files:
        raise BuildFailed(f"the archive holds more than {bounds.files} files", hint="leave out what is not needed")
    if size > bounds.size_bytes:
        raise BuildFailed(f"the archive unpacks to more than {bounds.size_bytes} bytes", hint="leave out large files")


def _checked_name(member: tarfile.TarInfo) -> str:
    """Return the name without `.` parts; nothing for the top directory itself."""
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if member.name.startswith("/"):
        raise _refused(member, "is an absolute path")
    if ".." in parts:
        raise _refused(member, "leads out of the tree")
    if "\0" in member.name:
        raise _refused(member, "has a NUL in its name")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise _refused(member, "is a device or a pipe")
    return "/".join(parts)


def _check_target(member: tarfile.TarInfo, name: str) -> None:
    """Refuse links that lead out of the tree: a symbolic one from where it is, a hard one from the top."""
    start = posixpath.dirname(name) if member.issym() else ""
    target = posixpath.normpath(posixpath.join(start, member.linkname))
    if member.linkname.startswith("/") or target == ".." or target.startswith("../"):
        raise _refused(member, "is a link that leads out of the tree")
    if not name:
        raise _refused(member, "is a link in place of the tree")


def _refused(member: tarfile.TarInfo, reason: str) -> BuildFailed:
    return BuildFailed(f"the archive is refused: {member.name!r} {reason}", hint="remove it from the source")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    content = tar.extractfile(member)
    if content is None:
        raise _refused(member, "has no content")
    with content, open(path, "xb") as file:
        shutil.copyfileobj(content, file, 1024 * 1024)
    path.chmod(0o755 if member.mode & 0o111 else 0o644)
    modified_at = min(max(member.mtime, 0), LATEST)  # web servers derive from it what browsers may keep
    os.utime(path, (modified_at, modified_at))


def _link(member: tarfile.TarInfo, into: Path) -> None:
    """Make a link where nothing is; a hard one becomes a copy, and only of a file that came with the archive."""
    path = into / _checked_name(member)
    _refuse_detour(member, into, path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        os.symlink(member.linkname, path)
        return
    source = into / posixpath.normpath(member.linkname)
    _refuse_detour(member, into, source)
    if not source.is_file():
        raise _refused(member, "is a link to what is not there")
    shutil.copy(source, path)


def _refuse_detour(member: tarfile.TarInfo, into: Path, path: Path) -> None:
    """Refuse a path that goes through a link made before: its parts, joined, may lead anywhere."""
    while path != into:
        if path.is_symlink():
            raise _refused(member, "goes through a link")
        path = path.parent


def _check_where_it_leads(member: tarfile.TarInfo, into: Path) -> None:
    """Refuse links that are harmless one by one and lead out of the tree together."""
    top = os.path.realpath(into)
    if not f"{os.path.realpath(into / _checked_name(member))}/".startswith(f"{top}/"):
        raise _refused(member, "is a link that leads out of the tree")
