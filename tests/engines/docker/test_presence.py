"""Where a Docker engine is, and whether it answers."""

import http.server
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sternway.engines.docker import presence


class _Ping(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/_ping" else 404)
        self.end_headers()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def answering(path: Path) -> Iterator[None]:
    with socketserver.UnixStreamServer(str(path), _Ping) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield
        server.shutdown()
        serving.join()


def test_an_engine_that_answers_its_ping_is_there(tmp_path: Path):
    with answering(tmp_path / "engine.sock"):
        assert presence.answers(f"unix://{tmp_path}/engine.sock")


@pytest.mark.parametrize("engine", ["unix:///nowhere/engine.sock", "tcp://127.0.0.1:1", "ssh://host", "nonsense"])
def test_an_engine_that_cannot_be_reached_is_not(engine: str):
    assert not presence.answers(engine)


def test_docker_host_is_where_it_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    assert presence.address() == "tcp://127.0.0.1:2375"


def test_without_any_socket_the_usual_place_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(presence, "PLACES", (str(tmp_path / "none.sock"),))
    assert presence.address() == f"unix://{tmp_path}/none.sock"
