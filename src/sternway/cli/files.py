"""Files that go to a process or come from one, as tar archives. What comes never lands outside its destination."""

import os
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sternway.cli import errors

MODES = 0o777
"""What is kept of modes: never the bits that lend rights to whoever runs a file."""
COPY_BYTES = 1024 * 1024


def pack(source: Path, target: str, file: BinaryIO) -> None:
    """Write a tar of a file or directory that bears the absolute path `target` where it is unpacked.

    One that ends with a slash is the directory that it goes into, under its own name.
    """
    if not source.exists():
        raise errors.not_found(f"no such file: {source}", hint="name a file or directory of this machine")
    source = source.resolve()
    name = posixpath.join(target, source.name) if target.endswith("/") else target
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(source, posixpath.normpath(name).lstrip("/"), filter=_without_owner)
    except OSError as exc:
        raise errors.CommandFailed(f"cannot read {exc.filename or source}: {exc.strerror}") from exc


def unpack(file: BinaryIO, source: str, target: Path, *, into: bool) -> None:
    """Write what a tar holds of `source`, a path in the process, to `target`, or into that directory."""
    name = posixpath.basename(posixpath.normpath(source))
    root = target / name if name and (into or target.is_dir()) else target
    try:
        with tarfile.open(fileobj=file) as tar:
            _Unpacking(tar, source, root).run()
    except tarfile.TarError as exc:
        raise errors.CommandFailed("what the rack sent is no tar archive", hint="is the process still there?") from exc
    except OSError as exc:
        raise errors.CommandFailed(f"cannot write {exc.filename or root}: {exc.strerror}") from exc


class _Unpacking:
    """Links and the modes of directories come last, so that nothing is written through or into either."""

    def __init__(self, tar: tarfile.TarFile, source: str, root: Path) -> None:
        self._tar = tar
        self._prefixes = _prefixes(source)
        self._root = root
        self._links: list[tuple[Path, str]] = []
        self._modes: list[tuple[Path, int]] = []

    def run(self) -> None:
        """Write everything."""
        for member in self._tar:
            if (inner := self._inner(member.name)) is not None:
                self._write(member, self._root / inner)
        for path, aim in self._links:
            path.unlink(missing_ok=True)
            path.symlink_to(aim)
        for path, mode in reversed(self._modes):
            path.chmod(mode)

    def _inner(self, name: str) -> PurePosixPath | None:
        """Return where below the root it goes; None for what is not of the source."""
        path = PurePosixPath(posixpath.normpath("/" + name)).relative_to("/")
        for prefix in self._prefixes:
            if path.is_relative_to(prefix):
                return path.relative_to(prefix)
        return None

    def _write(self, member: tarfile.TarInfo, path: Path) -> None:
        self._refuse_outside(path)
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            self._modes.append((path, member.mode & MODES))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.issym():
            self._links.append((path, member.linkname))
        elif member.isfile() or member.islnk():
            self._write_file(member, path)

    def _write_file(self, member: tarfile.TarInfo, path: Path) -> None:
        content = self._tar.extractfile(member)
        assert content is not None
        if path.is_symlink():
            path.unlink()
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with content, os.fdopen(opened, "wb") as written:
            for block in _blocks(content):
                written.write(block)
            os.fchmod(written.fileno(), member.mode & MODES)
        os.utime(path, (member.mtime, member.mtime))

    def _refuse_outside(self, path: Path) -> None:
        """Refuse what a link that was here before would lead elsewhere."""
        root = self._root.parent.resolve()
        if path != self._root and not path.parent.resolve().is_relative_to(self._root.resolve()):
            raise errors.CommandFailed(f"{path} leads outside of {root}", hint="copy to an empty directory")


def _prefixes(source: str) -> tuple[PurePosixPath, ...]:
    # Racks of other makes put the whole path into the archive.
    path = PurePosixPath(posixpath.normpath(source)).relative_to("/")
    return (path, PurePosixPath(path.name))


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _blocks(content: object) -> Iterator[bytes]:
    read = content.read  # type: ignore[attr-defined]
    while block := read(COPY_BYTES):
        yield block
