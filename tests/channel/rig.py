"""A channel in a directory, and a client that has followed it."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sternway.channel import publish
from sternway.channel.artifact import Artifact
from sternway.channel.follow import Follower, fetch_root
from sternway.channel.keys import Keys
from sternway.channel.repository import SignedFiles

FIRST, SECOND = "20260101000000", "20260201000000-labelled"


class Rig:
    """`served` is what clients read: the channel itself, or what somebody in between makes of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.served = directory / "channel"
        self.keys = Keys(directory / "keys")
        self.at = datetime.now(UTC)
        publish.init(self.channel())

    def channel(self, at: datetime | None = None) -> SignedFiles:
        return SignedFiles(self.directory / "channel", self.keys, at or self.at)

    def publish(self, version: str, content: bytes = b"program", **about: Any) -> Artifact:
        file = self.directory / f"{version}.file"
        file.write_bytes(content)
        artifact = Artifact(version, "cli", "linux-x86_64", **about)
        publish.publish(self.channel(), {file: artifact})
        return artifact

    def follower(self) -> Follower:
        trusted = self.directory / "trusted"
        pinned = None if trusted.exists() else fetch_root(str(self.directory / "channel"))
        return Follower(str(self.served), trusted, root=pinned)

    def versions(self) -> list[str]:
        return [artifact.version for artifact in self.follower().artifacts()]

    def keep(self, name: str) -> Path:
        """Keep the files as they are now, as somebody would who plays them again later."""
        return Path(shutil.copytree(self.directory / "channel", self.directory / name))

    def metadata(self, name: str) -> Path:
        return self.served / "metadata" / name

    def newest(self, role: str) -> Path:
        found = self.metadata(".").glob(f"*.{role}.json")
        return max(found, key=lambda path: int(path.name.split(".")[0]))

    def edit(self, path: Path, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a signed file without its keys."""
        content = json.loads(path.read_bytes())
        change(content)
        path.write_text(json.dumps(content))

    def later(self, by: timedelta) -> None:
        """Let the clients' time be later by signing as if it were earlier."""
        self.at = datetime.now(UTC) - by
