"""Downloads from servers that take their time: bounded, and ended at once by whoever has no more use for them."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sternway.channel import follow, pinning
from sternway.channel.abort import Abort
from sternway.channel.follow import Follower, fetch_root
from sternway.channel.versions import RackVersions
from sternway.core.errors import ChannelUnavailable
from tests.channel.rig import Rig

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
PATIENCE_S = 10.0


class Waiting:
    """A server that says this much, and nothing more."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:{1}".format(*self._listener.getsockname())
        self.is_asked = threading.Event()
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                connection.recv(65536)
                connection.sendall(self._says)
                self.is_asked.set()
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listener, *self._connections):
            each.close()


@pytest.fixture(params=[b"", HEAD[:20], HEAD, HEAD + b"some"], ids=["silent", "half a head", "no body", "half a body"])
def server(request: pytest.FixtureRequest) -> Iterator[Waiting]:
    server = Waiting(request.param)
    yield server
    server.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fetch_root(str(Rig(tmp_path_factory.mktemp("rig")).served))


def test_what_is_under_way_is_ended_by_another_thread(server: Waiting, root: bytes, tmp_path: Path) -> None:
    abort = Abort()
    follower = Follower(server.address, tmp_path / "trusted", root=root, abort=abort)

    def end() -> None:
        server.is_asked.wait(PATIENCE_S)
        abort.now()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(ChannelUnavailable, match="it was asked to end"):
        follower.artifacts()
    ending.join()


def test_what_takes_too_long_is_given_up(
    server: Waiting, root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LIST_S", 0.2)
    with pytest.raises(ChannelUnavailable, match=r"it takes longer than 0\.2 s"):
        Follower(server.address, tmp_path / "trusted", root=root).artifacts()
    with pytest.raises(ChannelUnavailable, match=r"it takes longer than 0\.2 s"):
        fetch_root(server.address)


def test_what_was_aborted_begins_nothing_more(root: bytes, server: Waiting, tmp_path: Path) -> None:
    abort = Abort()
    abort.now()
    with pytest.raises(ChannelUnavailable, match="it was asked to end"):
        Follower(server.address, tmp_path / "trusted", root=root, abort=abort).artifacts()


async def test_a_rack_that_ends_does_not_wait_for_a_slow_channel(server: Waiting, root: bytes, tmp_path: Path) -> None:
    pinning.pin(tmp_path, root)

    async def address() -> str:
        return server.address

    versions = RackVersions(tmp_path, "20260101000000", is_launched=True, address=address, stranded=lambda _: {})
    asking = asyncio.create_task(versions.offered())
    assert await asyncio.to_thread(server.is_asked.wait, PATIENCE_S)
    asking.cancel()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(asyncio.CancelledError):
            await asking
