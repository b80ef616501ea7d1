"""Answers everything at once with the same few bytes, so that what is measured is what stands before it."""

import asyncio
import os
from typing import cast

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
END_OF_REQUEST = b"\r\n\r\n"


class Answerer(asyncio.Protocol):
    """Takes requests without a body, several at once if they come so."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast(asyncio.Transport, transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        *requests, self._rest = (self._rest + data).split(END_OF_REQUEST)
        if requests:
            self._transport.write(ANSWER * len(requests))


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", int(os.environ["PORT"]), backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
