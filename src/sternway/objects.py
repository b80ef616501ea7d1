"""Objects as files: `objects/APP/KEY` below a directory, and `incoming` for what is not whole yet.

A put is written to `incoming`, synced, and renamed. Whoever writes there holds a lock on the file, so that
a rack that starts removes what a crash left and nothing that another rack still writes.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from sternway import files
from sternway.core import errors

MAX_BYTES = 2 * 1024**3
MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
BUFFER_BYTES = 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class FileObjects:
    """Fills `ports.Objects`. The constructor makes the directories and removes what a crash left."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._objects = directory / "objects"
        self._incoming = directory / "incoming"
        self._max_bytes = max_bytes
        with _translated():
            for made in (self._objects, self._incoming):
                made.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(self._incoming)

    async def put(self, app: str, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store what the chunks give. Cancelled in the very last step, the rename, it may have happened."""
        target = self._target(app, key)
        # Not in a thread: cancelled there, the open file would be lost. It is two quick calls.
        with _translated():
            file, temporary = _create(self._incoming)
        try:
            size = await self._write(file, chunks)
            await _in_thread(_sync, file)
            await _in_thread(_publish, temporary, target)
        finally:
            # In a thread, where closing waits for a write that was cancelled and is still under way.
            await asyncio.shield(_in_thread(_discard, file, temporary))
        return size

    async def path(self, app: str, key: str) -> Path:
        """Return the file."""
        target = self._target(app, key)
        if not await _in_thread(target.is_file):
            raise _not_found(key)
        return target

    async def list_older(self, prefix: str, before: datetime) -> Sequence[tuple[str, str]]:
        """Return app and key of what was put before then; files tell their time to the file system's precision."""
        return await _in_thread(_older, self._objects, prefix, before.timestamp())

    async def delete(self, app: str, key: str) -> None:
        """Remove the file; its directories stay, since another put may be about to use them."""
        await _in_thread(_remove, self._target(app, key), key)

    async def _write(self, file: BinaryIO, chunks: AsyncIterator[bytes]) -> int:
        size, buffer = 0, bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > self._max_bytes:
                raise errors.TooLarge(f"object: larger than {self._max_bytes} bytes", hint="send less")
            buffer += chunk
            if len(buffer) >= BUFFER_BYTES:
                await _in_thread(file.write, bytes(buffer))
                buffer.clear()
        await _in_thread(file.write, bytes(buffer))
        return size

    def _target(self, app: str, key: str) -> Path:
        _check(app, [app])
        _check(key, key.split("/"))
        return self._objects / app / key


def _check(key: str, segments: list[str]) -> None:
    if not _is_encodable(key) or len(key.encode()) > MAX_KEY_BYTES:
        raise errors.InvalidInput(f"key: longer than {MAX_KEY_BYTES} bytes, or not text", hint="choose a shorter key")
    for segment in segments:
        if segment in ("", ".", "..") or "\0" in segment or "/" in segment or len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise errors.InvalidInput(f"key: {key!r} is not a path of names", hint="use a key like tmp/NAME.tgz")


def _is_encodable(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _create(incoming: Path) -> tuple[BinaryIO, Path]:
    """Open a new file and lock it; start again if a sweep got in between."""
    while True:
        temporary = incoming / os.urandom(16).hex()
        file = os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file, temporary
        file.close()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(temporary: Path, target: Path) -> None:
    created = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.replace(target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as exc:
        raise errors.InvalidInput(
            f"key: {target.name!r} is part of another object's key, or the other way round", hint="choose another key"
        ) from exc
    for directory in {target.parent, *(parent.parent for parent in created)}:
        files.sync_directory(directory)


def _discard(file: BinaryIO, temporary: Path) -> None:
    # Closing writes out what is buffered, which a full disk refuses.
    with contextlib.suppress(OSError):
        file.close()
    temporary.unlink(missing_ok=True)


def _remove(target: Path, key: str) -> None:
    try:
        target.unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise _not_found(key) from exc
    files.sync_directory(target.parent)


def _older(objects: Path, prefix: str, before_s: float) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for app in sorted(objects.iterdir()):
        files = (path for path in sorted(app.rglob("*")) if path.is_file())
        keys = ((path, path.relative_to(app).as_posix()) for path in files)
        found += [(app.name, key) for path, key in keys if key.startswith(prefix) and path.stat().st_mtime < before_s]
    return found


def _sweep(incoming: Path) -> None:
    for leftover in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError, BlockingIOError), leftover.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _not_found(key: str) -> errors.NotFound:
    return errors.NotFound(f"object not found: {key}")


async def _in_thread(call: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Call something that waits for the disk without holding up the loop."""
    with _translated():
        return await asyncio.to_thread(call, *arguments, **keywords)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raise StoreUnavailable for what the file system refuses."""
    try:
        yield
    except OSError as exc:
        hint = "free space on its disk" if exc.errno in (errno.ENOSPC, errno.EDQUOT) else "check its owner and disk"
        raise errors.StoreUnavailable(f"objects: {exc.strerror}", hint=hint) from exc
