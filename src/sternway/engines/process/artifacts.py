"""What an artifact of the process engine is called, and what a process needs that is started from it.

A reference names the source tree and what was prepared for it, so that a rollback finds its own dependencies
again: `tree:sha256:HEX`, `#sub/directory` for a service that starts in one, `+python:sha256:HEX` and
`+node:sha256:HEX` for dependencies.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sternway.core.errors import ArtifactGone
from sternway.engines.process import snapshot

DEPENDENCIES = "dependencies"
PYTHON = "python"
NODE = "node"
VENV = "venv"
NODE_MODULES = "node_modules"

_REFERENCE = re.compile(
    r"tree:sha256:(?P<tree>[0-9a-f]{64})(?:#(?P<sub>[^\0]+?))?(?P<prepared>(?:\+(?:python|node):sha256:[0-9a-f]{64})*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Dependencies that were prepared: of which ecosystem, and in the directory of which name."""

    ecosystem: str
    digest: str

    def __str__(self) -> str:
        return f"{self.ecosystem}:sha256:{self.digest}"

    def directory(self, data: Path) -> Path:
        """Return where they are kept."""
        return data / DEPENDENCIES / self.digest


@dataclass(frozen=True, slots=True)
class Located:
    """Everything that a process needs to be started from an artifact, whether or not it is there.

    It starts in `directory`, which is `root` or below it. `root` and `extra_paths` have to be readable for it at
    these very paths, since environments and links name each other by absolute paths; nothing writes to them.
    `path_entries` come first on its PATH; `variables` are defaults that its environment may override.
    """

    root: Path
    directory: Path
    extra_paths: tuple[Path, ...] = ()
    path_entries: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def reference(digest: str, sub_directory: str, prepared: Sequence[Prepared] = ()) -> str:
    """Return what names a tree, or a directory in it, with its dependencies."""
    sub = f"#{sub_directory}" if sub_directory else ""
    return f"tree:sha256:{digest}{sub}{''.join(f'+{each}' for each in prepared)}"


def locate(data: Path, artifact: str) -> Located:
    """Return what the artifact names below the engine's directory; raises ArtifactGone for no name."""
    match = _matched(artifact)
    root = data / snapshot.DIRECTORY / match["tree"]
    found = prepared(artifact)
    return Located(
        root=root,
        directory=root.joinpath(*_parts(artifact, match["sub"])),
        extra_paths=tuple(each.directory(data) for each in found),
        path_entries=tuple(_programs(each, data) for each in found),
        variables={name: value for each in found for name, value in _variables(each, data).items()},
    )


def prepared(artifact: str) -> tuple[Prepared, ...]:
    """Return the dependencies that an artifact names; raises ArtifactGone for no name."""
    words = _matched(artifact)["prepared"].split("+")[1:]
    return tuple(Prepared(ecosystem, digest) for ecosystem, _, digest in (word.split(":") for word in words))


def _matched(artifact: str) -> re.Match[str]:
    match = _REFERENCE.fullmatch(artifact)
    if match is None:
        raise _no_name(artifact)
    return match


def _parts(artifact: str, sub_directory: str | None) -> tuple[str, ...]:
    parts = Path(sub_directory or "").parts
    if ".." in parts or "/" in parts:
        raise _no_name(artifact)
    return parts


def _no_name(artifact: str) -> ArtifactGone:
    return ArtifactGone(f"{artifact!r} is no artifact of the process engine", hint="build again: sternway build")


def _programs(each: Prepared, data: Path) -> Path:
    if each.ecosystem == PYTHON:
        return each.directory(data) / VENV / "bin"
    return each.directory(data) / NODE_MODULES / ".bin"


def _variables(each: Prepared, data: Path) -> dict[str, str]:
    if each.ecosystem == PYTHON:
        return {"VIRTUAL_ENV": str(each.directory(data) / VENV), "PYTHONUNBUFFERED": "1"}
    return {"NODE_ENV": "production"}
