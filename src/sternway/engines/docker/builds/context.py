"""What a build gets to see: a directory of the source as a tar, made while the engine reads it.

The same directory gives the same bytes: entries are sorted, owners left out, directories and links have no time.
Files keep theirs, since web servers derive what browsers may keep from them; the engine's cache does not go by it.
"""

import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from sternway import ignore, threads
from sternway.core.errors import BuildFailed

CHUNK = 256 * 1024
_END = b"\0" * (2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class Context:
    """A directory, the Dockerfile in it by its relative path, and what `.dockerignore` leaves out."""

    directory: Path
    dockerfile: str
    rules: tuple[ignore.Rule, ...]


def read(directory: Path, dockerfile: str) -> Context:
    """Read the rules at the top of a directory. Raises BuildFailed."""
    try:
        return Context(directory, dockerfile, ignore.read(directory))
    except ignore.BadPattern as exc:
        raise BuildFailed(str(exc), hint="correct the line") from exc


async def stream(context: Context) -> AsyncIterator[bytes]:
    """Yield the tar in pieces; the loop is free while each is read."""
    pieces = chunks(context)
    while piece := await threads.uninterrupted(next, pieces, b""):
        yield piece


def chunks(context: Context) -> Iterator[bytes]:
    """Yield the tar in pieces of about a quarter of a megabyte. It blocks."""
    waiting = bytearray()
    for piece in _pieces(context):
        waiting += piece
        if len(waiting) >= CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def _pieces(context: Context) -> Iterator[bytes]:
    # The engine reads both files, and takes them out again itself where the rules name them.
    keep = (context.dockerfile, ignore.FILE)
    for path in ignore.paths(context.directory, context.rules, keep=keep):
        yield from _entry(context.directory / path, path)
    yield _END


def _entry(source: Path, path: str) -> Iterator[bytes]:
    entry = tarfile.TarInfo(path)
    entry.mode = 0o755
    if source.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(source.readlink())
        entry.mode = 0o777
    elif source.is_dir():
        entry.type = tarfile.DIRTYPE
    else:
        yield from _file(source, entry)
        return
    yield entry.tobuf(tarfile.PAX_FORMAT)


def _file(source: Path, entry: tarfile.TarInfo) -> Iterator[bytes]:
    with source.open("rb") as file:
        stat = source.stat()
        entry.size, entry.mtime = stat.st_size, int(stat.st_mtime)
        entry.mode = 0o755 if stat.st_mode & 0o111 else 0o644
        yield entry.tobuf(tarfile.PAX_FORMAT)
        while piece := file.read(CHUNK):
            yield piece
    yield b"\0" * (-entry.size % tarfile.BLOCKSIZE)
