"""What it takes to prepare dependencies, as values: `python` and `node` write recipes, `shelf` follows them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """One run of a package manager. `variables` come on top of what every such run gets; `title` is for people."""

    title: str
    words: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How dependencies are prepared in a directory that is still empty, and what decides how they turn out.

    `files` are written there first, then `commands(place)` run one after the other. `key` holds everything that
    the outcome depends on: two recipes of an ecosystem with the same key are the same.
    """

    ecosystem: str
    title: str
    key: tuple[bytes, ...]
    commands: Callable[[Path], Sequence[Command]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def digest(self, *more: str) -> str:
        """Return the hash of the key, and of `more` where the same key is to be prepared another time."""
        whole = hashlib.sha256()
        for part in (self.ecosystem.encode(), *self.key, *(word.encode() for word in more)):
            whole.update(b"%d:" % len(part) + part)
        return whole.hexdigest()
