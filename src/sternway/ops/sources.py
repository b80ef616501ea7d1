"""Use cases of source trees: what a build was made of, file by file, kept after the archive is gone."""

import asyncio
import hashlib
import json
import logging
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from sternway.core.app import App
from sternway.core.difference import SourceFile
from sternway.core.errors import NotFound, SternwayError
from sternway.core.release import Build
from sternway.ops.builds import once, shelf
from sternway.ops.rack import Rack

log = logging.getLogger(__name__)

MAX_FILES = 20_000
BLOCK_BYTES = 1024 * 1024

Tree = Mapping[str, SourceFile]


def key(build_id: str) -> str:
    """Return the key of the object that lists the files of a build."""
    return f"build/{build_id}/files"


async def keep(rack: Rack, app: App, build: Build) -> None:
    """List the files of a build while its archive is there; one that cannot be listed is no reason to fail it."""
    try:
        archive = await rack.objects.path(shelf(app), build.options.source)
        found = await asyncio.to_thread(_listed, archive)
        if found is not None:
            await rack.objects.put(shelf(app), key(build.id), once(_written(found)))
    except SternwayError as exc:
        log.warning("the files of a build are not listed", extra={"build": build.id, "problem": exc.message})


async def read(rack: Rack, app: App, build_id: str | None) -> Tree | None:
    """Return the files that a build was made of, or None where they were not listed."""
    if build_id is None:
        return None
    try:
        path = await rack.objects.path(shelf(app), key(build_id))
        return await asyncio.to_thread(_read, path)
    except (NotFound, OSError, ValueError):
        return None


def _listed(archive: Path) -> Tree | None:
    """Return every file of an archive, or None where it has too many or cannot be read."""
    found: dict[str, SourceFile] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if member.isreg() or member.issym() or member.islnk():
                    found[member.name.removeprefix("./")] = _file(tar, member)
                if len(found) > MAX_FILES:
                    return None
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError):
        return None
    return found


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo) -> SourceFile:
    digest = hashlib.sha256()
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        return SourceFile(0, hashlib.sha256(f"-> {member.linkname}".encode()).hexdigest())
    while block := content.read(BLOCK_BYTES):
        digest.update(block)
    digest.update(f"\0{member.mode & 0o111:o}".encode())
    return SourceFile(member.size, digest.hexdigest())


def _written(tree: Tree) -> bytes:
    return json.dumps({path: [file.size_bytes, file.sha256] for path, file in sorted(tree.items())}).encode()


def _read(path: Path) -> Tree:
    return {name: SourceFile(int(size), str(digest)) for name, (size, digest) in json.loads(path.read_bytes()).items()}
