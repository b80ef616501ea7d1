"""The signed files of a channel, written so that whoever reads meanwhile sees the old list or the new one, whole.

Versioned files never change; `timestamp.json` is replaced by rename as the last of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer
from tuf.repository import Repository

from sternway import files
from sternway.channel.keys import ROLES, Keys
from sternway.core.errors import NotFound, Refused

METADATA = "metadata"
_EMPTY: Mapping[str, type[Any]] = {"root": Root, "targets": Targets, "snapshot": Snapshot, "timestamp": Timestamp}


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long each list is believed. A client refuses an older one: whoever serves it may be holding back news."""

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=365)
    snapshot: timedelta = timedelta(days=365)
    timestamp: timedelta = timedelta(days=30)

    def of(self, role: str) -> timedelta:
        """Return that of a role."""
        found: timedelta = getattr(self, role)
        return found


@dataclass(slots=True)
class SignedFiles(Repository):
    """The metadata of a channel, with what is needed to sign a new version of it.

    `at` is the time of signing. Raises Refused where too few keys are here, NotFound where there is no channel.
    """

    directory: Path
    keys: Keys
    at: datetime
    lifetimes: Lifetimes = field(default_factory=Lifetimes)

    @property
    def targets_infos(self) -> dict[str, MetaFile]:
        """Return which list of artifacts is the newest."""
        return {"targets.json": MetaFile(self.open("targets").signed.version)}

    @property
    def snapshot_info(self) -> MetaFile:
        """Return which snapshot is the newest."""
        return MetaFile(self.open("snapshot").signed.version)

    def open(self, role: str) -> Metadata[Any]:
        """Return the newest list of a role."""
        newest = self._newest(role)
        if newest is None:
            raise NotFound(f"no channel: {self.directory}", hint="make one: sternway channel init DIR")
        return Metadata.from_bytes(newest.read_bytes())

    def close(self, role: str, md: Metadata[Any]) -> None:
        """Sign the next version of a list and write it."""
        md.signed.version += 1
        self.write(role, md, self._signing(role, md))

    def create(self, root: Root) -> None:
        """Write the first version of everything."""
        for role in ROLES:
            signed = root if role == "root" else _EMPTY[role]()
            signed.version = 1
            md: Metadata[Any] = Metadata(signed)
            self.write(role, md, self._of(role, root))

    def write(self, role: str, md: Metadata[Any], signing: Mapping[str, Signer]) -> None:
        """Write a list with the signatures of these keys."""
        md.signed.expires = (self.at + self.lifetimes.of(role)).replace(microsecond=0)
        md.signatures.clear()
        for signer in signing.values():
            md.sign(signer, append=True)
        name = "timestamp.json" if role == "timestamp" else f"{md.signed.version}.{role}.json"
        path = self.directory / METADATA / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, md.to_bytes(JSONSerializer()), is_durable=True, mode=files.PUBLIC)

    def _newest(self, role: str) -> Path | None:
        metadata = self.directory / METADATA
        if role == "timestamp":
            path = metadata / "timestamp.json"
            return path if path.exists() else None
        found = metadata.glob(f"*.{role}.json")
        return max(found, key=lambda path: int(path.name.split(".")[0]), default=None)

    def _signing(self, role: str, md: Metadata[Any]) -> Mapping[str, Signer]:
        """Return the keys that the root names for a role; a new root is signed by the old one's keys as well."""
        root = self.root()
        wanted = dict(self._of(role, root))
        if role == "root" and isinstance(md.signed, Root):
            wanted |= self._of("root", md.signed)
        return wanted

    def _of(self, role: str, root: Root) -> dict[str, Signer]:
        named = root.get_delegated_role(role)
        here: dict[str, Signer] = {
            keyid: signer for keyid, signer in self.keys.signers(role).items() if keyid in named.keyids
        }
        if len(here) < named.threshold:
            raise Refused(
                f"{role}: {named.threshold} of its {len(named.keyids)} keys have to sign, and {len(here)} are here",
                hint="name the directories of the keys with --keys; it may be given more than once",
            )
        return here
