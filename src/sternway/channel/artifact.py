"""What a channel holds: an artifact of a version, for a program and a platform, and what is said of it."""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from sternway.core import version as versions

RACK, CLI = "rack", "cli"
SUFFIXES: Mapping[str, str] = {RACK: "tar.gz", CLI: "zip"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a version. `about` is what the version itself has to tell, such as the schemas it can work with.

    `yanked` says why it should no longer be used; empty for one that may.
    """

    version: str
    program: str
    platform: str
    size_bytes: int = 0
    sha256: str = ""
    notes: str = ""
    yanked: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Return where it lies in the channel; nothing else ever lies there."""
        return f"versions/{self.version}/sternway-{self.program}-{self.platform}.{SUFFIXES[self.program]}"

    @property
    def made_at(self) -> datetime:
        """Return when the version was made."""
        return versions.moment(self.version)

    def custom(self) -> dict[str, Any]:
        """Return what the signed list says beside length and hash."""
        told = asdict(self)
        return {name: told[name] for name in ("version", "program", "platform", "notes", "yanked", "about")}


def of_custom(custom: Mapping[str, Any], *, size_bytes: int, sha256: str) -> Artifact:
    """Read what `custom` wrote; members that a later Sternway added are passed over."""
    known = {each.name for each in fields(Artifact)}
    told = {name: value for name, value in custom.items() if name in known}
    return Artifact(**(told | {"size_bytes": size_bytes, "sha256": sha256}))


def this_platform() -> str:
    """Return the name of this machine's platform, such as `linux-x86_64`."""
    return f"{platform.system()}-{platform.machine()}".lower()


def newest(artifacts: Iterable[Artifact]) -> Artifact | None:
    """Return the one of the newest version that was not yanked."""
    return max((each for each in artifacts if not each.yanked), key=lambda each: each.version, default=None)
