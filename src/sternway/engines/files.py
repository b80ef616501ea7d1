"""Files replaced by rename: a reader sees the old one or the new one, and a crash leaves one of the two."""

import os
from pathlib import Path


def replace(path: Path, content: bytes, *, is_durable: bool = False) -> None:
    """Write the file as a whole, readable for its owner only; durable ones survive a loss of power."""
    new = path.with_name(f"{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, content)
        if is_durable:
            os.fsync(file)
    finally:
        os.close(file)
    os.rename(new, path)
    if is_durable:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
