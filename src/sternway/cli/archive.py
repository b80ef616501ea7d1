"""The source that a build gets: a directory as a gzipped tar.

The same tree gives the same bytes: entries are sorted, owners left out, the gzip header bears no time. The
times of files stay, since web servers derive what browsers may keep from them.
"""

import gzip
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from sternway import ignore
from sternway.cli import errors

ALWAYS_OUT = ".git"
LEVEL = 6


def pack(directory: Path, *, manifest: str = "convox.yml") -> BinaryIO:
    """Return the archive as an open temporary file at its beginning; closing it removes it.

    What `.dockerignore` names is left out, but never the manifest or the Dockerfile: builds need them.
    """
    if not directory.is_dir():
        raise errors.not_found(f"no such directory: {directory}", hint="name the folder with the source")
    file = cast(BinaryIO, tempfile.TemporaryFile(prefix="sternway-"))  # noqa: SIM115 - the caller closes it
    try:
        _write(directory, file, keep=(manifest, "Dockerfile"))
    except OSError as exc:
        file.close()
        raise errors.CommandFailed(f"cannot pack the source: {exc}") from exc
    file.seek(0)
    return file


def paths(directory: Path, *, keep: Collection[str] = ()) -> Iterator[str]:
    """Yield what goes into the archive, sorted, relative, with slashes."""
    try:
        rules = ignore.read(directory)
    except ignore.BadPattern as exc:
        raise errors.CommandFailed(str(exc)) from exc
    return ignore.paths(directory, rules, keep=keep, never=ALWAYS_OUT)


def _write(directory: Path, file: BinaryIO, *, keep: Collection[str]) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=LEVEL) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in paths(directory, keep=keep):
            _add(tar, directory / path, path)


def _add(tar: tarfile.TarFile, source: Path, path: str) -> None:
    entry = tar.gettarinfo(source, arcname=path)
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(entry.mtime)
    # A hard link would need its other name, which may be left out.
    if entry.islnk():
        entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", source.stat().st_size
    if not entry.isreg():
        tar.addfile(entry)
        return
    with source.open("rb") as content:
        tar.addfile(entry, cast(IO[bytes], content))
