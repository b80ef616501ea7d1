"""The channel that a rack serves itself: a published directory, of which nothing but a channel's own files is seen."""

import re
from pathlib import Path

from sternway.channel.archive import PAGE
from sternway.channel.artifact import SUFFIXES

# `repository.METADATA`, without TUF, which comes with that module.
_METADATA = re.compile(r"metadata/(?:timestamp|[0-9]{1,9}\.(?:root|targets|snapshot))\.json")
_ARTIFACT = re.compile(
    r"versions/[0-9]{14}(?:-[a-z0-9]+)*/"
    rf"sternway-(?:{'|'.join(SUFFIXES)})-[a-z0-9_-]+\.(?:{'|'.join(map(re.escape, SUFFIXES.values()))})"
)


def find(directory: Path, name: str) -> Path | None:
    """Return the file of a published channel with this name, if there is one; the empty name is the page.

    Names are those that a channel can have, so nothing else that lies in the directory is ever found, and a link
    in it leads nowhere outside.
    """
    name = name or PAGE
    if name != PAGE and not _METADATA.fullmatch(name) and not _ARTIFACT.fullmatch(name):
        return None
    found = (directory / name).resolve()
    return found if found.is_relative_to(directory.resolve()) and found.is_file() else None
