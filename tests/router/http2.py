"""As much of HTTP/2 as a test needs to send a request and see what comes back."""

import asyncio

DATA, HEADERS, GOAWAY = 0, 1, 7


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


async def kinds_until_closed(reader: asyncio.StreamReader) -> set[int]:
    """Return the kinds of frames that come until the other side closes the connection."""
    kinds = set()
    while head := await reader.read(9):
        head += await reader.readexactly(9 - len(head))
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        kinds.add(head[3])
    return kinds
