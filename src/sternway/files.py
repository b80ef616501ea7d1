"""Files replaced by rename: a reader sees the old one or the new one, and a crash leaves one of the two."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o666
"""For everybody, as far as the process's umask lets them."""


def replace(path: Path, content: bytes, *, is_durable: bool = False, mode: int = PRIVATE) -> None:
    """Write the file as a whole, readable for its owner only; durable ones survive a loss of power."""
    with replacing(path, content, is_durable=is_durable, mode=mode):
        pass


@contextmanager
def replacing(path: Path, content: bytes, *, is_durable: bool = True, mode: int = PRIVATE) -> Iterator[None]:
    """Have the file replaced within the block; it survives a loss of power, as a whole, once the block has ended."""
    new = path.with_name(f".{path.name}.new")
    _write(new, content, mode, is_durable=is_durable)
    new.rename(path)
    try:
        yield
    finally:
        if is_durable:
            sync_directory(path.parent)


def _write(path: Path, content: bytes, mode: int, *, is_durable: bool) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Make what stands in a file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
