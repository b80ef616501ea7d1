"""The keys that sign a channel. They never lie in the channel, and each role has its own.

The root's keys say whose the others are. They are needed to make a channel and to change keys only, so they can
be kept away from where versions are published.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Signer

from sternway.core.errors import InvalidInput, Refused

ROLES = ("root", "targets", "snapshot", "timestamp")


class Keys:
    """Directories with a file for each key: `ROLE-ID.pem`, readable for its owner only."""

    def __init__(self, *directories: Path) -> None:
        self._directories = directories

    def make(self, role: str) -> Signer:
        """Make a key for a role, in the first directory."""
        signer = CryptoSigner.generate_ed25519()
        directory = self._directories[0]
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = directory / f"{role}-{signer.public_key.keyid[:16]}.pem"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(signer.private_bytes)
            file.flush()
            os.fsync(file.fileno())
        return signer

    def signers(self, role: str) -> dict[str, Signer]:
        """Return the keys of a role that are here, by id."""
        found = [_read(path) for path in self._files(role)]
        return {signer.public_key.keyid: signer for signer in found}

    def _files(self, role: str) -> Iterator[Path]:
        for directory in self._directories:
            yield from sorted(directory.glob(f"{role}-*.pem"))


def _read(path: Path) -> Signer:
    if path.stat().st_mode & 0o077:
        raise Refused(f"{path.name}: others may read this key", hint=f"chmod 600 {path}")
    try:
        return CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    except (ValueError, TypeError) as exc:
        raise InvalidInput(f"{path.name} holds no key", hint="put it back from a backup") from exc
