"""The Protocol of what makes artifacts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sternway.core.release import BuildOptions


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What a builder gets: the app and build, the archive (a gzip tar) and what was asked for.

    `release_id` is the release that will be made of the build.
    """

    app: str
    build_id: str
    release_id: str
    archive: Path
    options: BuildOptions


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came out: the manifest's text as it stood in the source, and an artifact per service."""

    manifest: str
    artifacts: Mapping[str, str]


class Builder(Protocol):
    """Makes artifacts. It belongs to an engine, which is the only one to understand them."""

    async def build(self, order: BuildOrder, log: Callable[[bytes], None]) -> BuildResult:
        """Build; `log` gets output as it comes. Raises BuildFailed with a reason for people.

        Cancelling leaves nothing behind that counts. The same source gives the same artifacts.
        """
        ...

    async def verify(self, app: str, artifact: str) -> None:
        """Raise ArtifactGone unless the artifact is there, or can be brought back from where copies are kept."""
        ...

    async def missing(self, app: str, artifacts: Collection[str]) -> Collection[str]:
        """Return those that are not there on this machine. It is quick, for lists: no copy is looked for."""
        ...

    async def discard(self, app: str, artifacts: Collection[str], *, needed: Collection[str]) -> None:
        """Remove artifacts of an app from this machine, but for what the needed ones, of any app, are made of as well.

        What runs or is used by others stays. Call it while no build runs. Called twice it does nothing more.
        """
        ...

    async def sizes(self, artifacts: Collection[str]) -> Mapping[str, int]:
        """Return how many bytes each has on this machine, also those shared with others; unknown ones are left out."""
        ...
