"""The API of a rack while it runs: where it listens, when the first request is taken, and how the last ones end."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from sternway.api.websocket import WireProtocol
from sternway.bootstrap.front import create_front
from sternway.core.errors import InvalidInput
from sternway.ops.rack import Rack
from sternway.ops.shutdown import Shutdown

LAST_REQUESTS_S = 20
BACKLOG = 1024
STILL_ARRIVING_S = 0.2
"""How long after its name is gone a socket is still served: what was dialled before may not have been taken yet."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where requests come in. `open` is called once the rack takes them, `close` before it ends."""

    listener: socket.socket
    open: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    still_arriving_s: float = 0.0


@contextlib.contextmanager
def socket_file(path: Path, accepting: Callable[[], None]) -> Iterator[Door]:
    """Listen on a socket that has its name only while requests are taken.

    Whoever dials before or after finds nothing and may try again: nothing was sent. Another rack may have the
    name by the time that this one ends.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(str(fresh))
        except OSError as exc:
            raise InvalidInput(f"--data: cannot listen in {path.parent}: {exc}", hint="use a shorter path") from exc
        fresh.chmod(0o600)
        listener.listen(BACKLOG)

        def name() -> None:
            accepting()
            fresh.rename(path)

        try:
            yield Door(listener, name, lambda: path.unlink(missing_ok=True), STILL_ARRIVING_S)
        finally:
            fresh.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the rack has its own, and ends in its own order.

    `is_up` is set once it takes requests.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(rack: Rack, door: Door, password: str) -> AsyncIterator[None]:
    """Serve the API until the block ends, and then what was begun."""
    server = _Server(_configuration(rack, password))
    task = asyncio.create_task(server.serve(sockets=[door.listener]), name="serve")
    begun = asyncio.create_task(server.is_up.wait())
    try:
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        door.open()
        yield
    finally:
        begun.cancel()
        door.close()
        rack.changes.close()
        await asyncio.sleep(door.still_arriving_s)
        server.should_exit = True
        await task


def _configuration(rack: Rack, password: str) -> uvicorn.Config:
    return uvicorn.Config(
        create_front(rack, password=password),
        ws=WireProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_REQUESTS_S,
    )


def stop_on_signals(shutdown: Shutdown) -> None:
    """Have the signals that ask a process to end ask for the shutdown."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, shutdown.request)
