"""The key of the rack: a file that only its owner can read, kept apart from the database.

What is sealed reads `version (1 byte) | nonce (12) | ciphertext and tag`, AES-256-GCM, with version and
context authenticated. Nonces are random: good for some four thousand million seals per key.

Passwords go through a hash with the key first, and then through Argon2id: who has the database alone cannot even
begin to guess.
"""

import base64
import binascii
import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sternway import files, threads
from sternway.core import errors

if TYPE_CHECKING:
    from argon2 import PasswordHasher

KEY_BYTES = 32
FINGERPRINT_DIGITS = 32
HEADER = "# Sternway: the key of this rack, version 1. Back it up; without it no environment can be read again."

_VERSION = b"\x01"
_NONCE_BYTES = 12


class KeyFile:
    """Fills `ports.Secrets` with the key in a file, which is made if there is none.

    Raises InvalidInput if others can read the file or it cannot be read at all, and Corrupt if it does not
    hold a key.
    """

    def __init__(self, path: Path) -> None:
        try:
            key = _read(path) if path.exists() else _create(path)
        except OSError as exc:
            raise errors.InvalidInput(
                f"key file: cannot use {path}: {exc.strerror}", hint="check its owner and its directory"
            ) from exc
        self._cipher = AESGCM(_derive(key, "seal"))
        self._fingerprint_key = _derive(key, "fingerprint")
        self._password_key = _derive(key, "password")
        self._nobody = ""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _VERSION + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed; raises Corrupt."""
        version, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if version != _VERSION:
            raise errors.Corrupt(f"{context}: sealed in a way that this version does not know")
        try:
            return self._cipher.decrypt(nonce, rest, version + context.encode())
        except (InvalidTag, ValueError) as exc:
            raise errors.Corrupt(
                f"{context}: the bytes are damaged, or were sealed with another key",
                hint="put back the key file that belongs to this store",
            ) from exc

    def fingerprint(self, content: bytes) -> str:
        """Return the first half of a keyed SHA-256, as hex digits."""
        return hmac.new(self._fingerprint_key, content, hashlib.sha256).hexdigest()[:FINGERPRINT_DIGITS]

    async def stretch(self, password: str) -> str:
        """Hash with the key and then with Argon2id, in a thread."""
        return await threads.uninterrupted(lambda: _hasher().hash(self._peppered(password)))

    async def matches(self, stretched: str, password: str) -> bool:
        """Verify in a thread."""
        if not stretched:
            self._nobody = self._nobody or await self.stretch(os.urandom(16).hex())
            await threads.uninterrupted(_verify, self._nobody, self._peppered(password))
            return False
        return await threads.uninterrupted(_verify, stretched, self._peppered(password))

    def _peppered(self, password: str) -> bytes:
        return hmac.new(self._password_key, password.encode(), hashlib.sha256).digest()


def _hasher() -> "PasswordHasher":
    """Return Argon2id as OWASP recommends it where memory is dear; what was hashed otherwise verifies as well."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _verify(stretched: str, peppered: bytes) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(stretched, peppered)
    except (VerificationError, InvalidHashError):
        return False


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"sternway {purpose} 1".encode()
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise errors.InvalidInput(f"key file: others may use {path}", hint=f"chmod 600 {path}")
    header, _, encoded = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if header != HEADER or len(key) != KEY_BYTES:
        raise errors.Corrupt(f"key file: {path} does not hold a key", hint="restore it from a backup")
    return key


def _create(path: Path) -> bytes:
    """Make the file whole or not at all. Of several that start at once one wins, and all use its key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        _write(temporary, f"{HEADER}\n{base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n")
        os.link(temporary, path)
    except FileExistsError:
        pass  # another start was quicker
    finally:
        temporary.unlink(missing_ok=True)
    files.sync_directory(path.parent)
    return _read(path)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
