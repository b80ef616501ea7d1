"""Pin the root of a channel for a rack: from then on only what it leads to is believed."""

import shutil
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root
from tuf.api.serialization import DeserializationError

from sternway import files
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
        places.pinned.parent.mkdir(mode=0o700, exist_ok=True)
        files.replace(places.pinned, root, is_durable=True)
    except OSError as exc:
        raise Unavailable(f"cannot write {places.pinned}: {exc.strerror}", hint="are you the rack's user?") from exc


def _check(root: bytes) -> None:
    try:
        Metadata[Root].from_bytes(root).verify_delegate("root", Metadata[Root].from_bytes(root))
    except (DeserializationError, exceptions.RepositoryError, ValueError) as exc:
        raise InvalidInput(f"it is no root of a channel: {exc}", hint="is the address right?") from exc
