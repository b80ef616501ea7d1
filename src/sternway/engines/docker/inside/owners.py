"""Whose the files in a tar are: the numbers in its headers, changed as it passes by."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

BLOCK_BYTES = 512
_UID, _GID, _SIZE, _SUM = slice(108, 116), slice(116, 124), slice(124, 136), slice(148, 156)
_LARGEST = 0o7777777
"""The largest number that a field of eight bytes holds in digits."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A user and a group, as numbers."""

    uid: int
    gid: int


async def given_to(tar: AsyncIterator[bytes], owner: Owner) -> AsyncIterator[bytes]:
    """Yield the tar with every file in it given to somebody. What is no tar passes as it is, for others to refuse."""
    held, content_bytes = bytearray(), 0
    async for chunk in tar:
        held += chunk
        changed = bytearray()
        while held and (content_bytes or len(held) >= BLOCK_BYTES):
            taken = min(content_bytes or BLOCK_BYTES, len(held))
            part = bytes(held[:taken])
            del held[:taken]
            if content_bytes:
                content_bytes -= taken
            elif any(part):
                part, content_bytes = _changed(part, owner), _padded(_number(part[_SIZE]))
            changed += part
        yield bytes(changed)
    yield bytes(held)


def _changed(header: bytes, owner: Owner) -> bytes:
    """Return a header with another owner. Its sum counts its own field as blanks."""
    changed = bytearray(header)
    changed[_UID] = b"%07o\0" % min(owner.uid, _LARGEST)
    changed[_GID] = b"%07o\0" % min(owner.gid, _LARGEST)
    changed[_SUM] = b" " * 8
    changed[_SUM] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def _number(field: bytes) -> int:
    """Read a size: digits, or for what is larger than they can say, bytes after a first one that tells so."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        return 0


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES
