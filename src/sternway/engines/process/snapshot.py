"""Source trees by content: the same tree has the same name and is kept once."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from sternway import files

DIRECTORY = "snapshots"
_READ_BYTES = 1024 * 1024


def keep(tree: Path, root: Path) -> str:
    """Move the tree to its place, durably and read-only, and return its digest; a second one is dropped."""
    digest = digest_of(tree)
    place = root / digest
    if place.is_dir():
        discard(tree)
        return digest
    seal(tree)
    try:
        os.rename(tree, place)
    except OSError:
        if not place.is_dir():
            raise
        discard(tree)
    place.chmod(0o555)
    files.sync_directory(root)
    return digest


def digest_of(tree: Path) -> str:
    """Hash paths, kinds, who may execute, and contents; times and owners do not count."""
    whole = hashlib.sha256()
    for path in _walk(tree):
        for part in (os.fsencode(path.relative_to(tree)), *_content(path)):
            whole.update(b"%d:" % len(part) + part)
    return whole.hexdigest()


def discard(tree: Path) -> None:
    """Remove a tree, also a sealed one."""
    for path in _walk(tree):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    tree.chmod(0o755)
    shutil.rmtree(tree)


def size_bytes(tree: Path) -> int:
    """Return how many bytes the files of a tree have; links count for themselves. Raises OSError."""
    total = 0
    with os.scandir(tree) as entries:
        for entry in entries:
            is_directory = entry.is_dir(follow_symlinks=False)
            total += size_bytes(Path(entry.path)) if is_directory else entry.stat(follow_symlinks=False).st_size
    return total


def _walk(tree: Path) -> Iterator[Path]:
    """Yield what is in the tree, in an order that only depends on names."""
    for entry in sorted(os.scandir(tree), key=lambda entry: os.fsencode(entry.name)):
        path = Path(entry.path)
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)


def _content(path: Path) -> tuple[bytes, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return b"link", os.fsencode(os.readlink(path))
    if stat.S_ISDIR(mode):
        return b"directory", b""
    return (b"program" if mode & stat.S_IXUSR else b"file"), _hash(path)


def _hash(path: Path) -> bytes:
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            content.update(chunk)
    return content.digest()


def seal(tree: Path) -> None:
    """Make everything durable and nothing in it writable; the top has to be, as long as it will be moved."""
    for path in _walk(tree):
        if path.is_symlink():
            continue
        _sync(path)
        path.chmod(0o555 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o444)
    _sync(tree)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
