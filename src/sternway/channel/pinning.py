"""Pin the root of a channel for a rack: from then on only what it leads to is believed."""

import os
import shutil
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root
from tuf.api.serialization import DeserializationError

from sternway.channel.versions import Places
from sternway.core.errors import InvalidInput, Unavailable


def pin(data: Path, root: bytes) -> None:
    """Keep a root in a rack's data directory, durably; what was seen under another one is forgotten.

    Raises InvalidInput for what is no root, Unavailable for a directory that does not take it.
    """
    _check(root)
    places = Places(data)
    try:
        if places.pinned.exists() and places.pinned.read_bytes() != root:
            shutil.rmtree(places.trusted, ignore_errors=True)
        _replace(places.pinned, root)
    except OSError as exc:
        raise Unavailable(f"cannot write {places.pinned}: {exc.strerror}", hint="are you the rack's user?") from exc


def _check(root: bytes) -> None:
    try:
        Metadata[Root].from_bytes(root).verify_delegate("root", Metadata[Root].from_bytes(root))
    except (DeserializationError, exceptions.RepositoryError, ValueError) as exc:
        raise InvalidInput(f"it is no root of a channel: {exc}", hint="is the address right?") from exc


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
