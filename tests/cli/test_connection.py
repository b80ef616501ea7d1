import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sternway.cli import address, client, errors
from sternway.cli.connection import Connection

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def peer(*answers: bytes, ends: bool = True) -> Iterator[client.Rack]:
    """Serve one connection: an answer for each request that comes, then the end."""

    def serve() -> None:
        accepted, _ = server.accept()
        with accepted:
            for answer in answers:
                accepted.recv(65536)
                for part in answer.split(b"|"):
                    accepted.sendall(part)
            if not ends:
                accepted.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        rack = client.Rack(address.parse(f"http://127.0.0.1:{server.getsockname()[1]}"), actor="x")
        try:
            yield rack
        finally:
            rack.close()
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ncontent-le|ngth: 2\r\n\r|\n{|}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n|1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n{|}",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n|" + OK,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
    ],
)
def test_bodies_are_read_however_they_are_bounded(answer: bytes) -> None:
    with peer(answer) as rack:
        assert rack.get("/system") == {}


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"SSH-2.0-x\r\n"]
)
def test_answer_that_is_not_whole_is_no_answer(answer: bytes) -> None:
    with peer(answer) as rack, pytest.raises(errors.Unreachable):
        rack.get("/system")


def test_server_that_wants_no_more_requests_gets_none_on_that_connection() -> None:
    with peer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", ends=False) as rack:
        rack.get("/system")
        assert rack._connection is None


def test_empty_answer_needs_no_length() -> None:
    with peer(b"HTTP/1.1 204 No Content\r\n\r\n", OK) as rack:
        assert rack.read("/x") == b""
        assert rack.get("/system") == {}


@pytest.mark.parametrize("path", ["/a b", "/caf\u00e9", "/a\r\nX: y", ""])
def test_paths_that_would_tear_the_request_are_not_sent(path: str) -> None:
    rack = client.Rack(address.parse("http://127.0.0.1:1"), actor="x")
    with pytest.raises(errors.CommandFailed, match="cannot be sent") as failed:
        rack.read(path)
    assert failed.value.exit_code == 2


def test_headers_cannot_be_torn() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(address.parse(f"http://127.0.0.1:{server.getsockname()[1]}"), timeout_s=5)
        with pytest.raises(ValueError, match="line break"):
            connection.exchange("GET", "/", {"X": "a\nb"}, None, timeout_s=1)
        connection.close()
