from collections.abc import Iterator

import pytest

from sternway.cli import address, client, errors, stream
from tests.cli.scripted import BINARY, CLOSE, END, TEXT, ScriptedRack

LOGS = "/apps/shop/logs"


@pytest.fixture
def api(rack: ScriptedRack) -> Iterator[client.Rack]:
    api = client.Rack(address.parse(rack.url), actor="x")
    yield api
    api.close()


def test_empty_binary_frame_ends_the_stream(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on_stream(LOGS, [(TEXT, b"one\n"), (TEXT, b"\xff\xfe\n"), (BINARY, b""), (TEXT, b"late")])
    assert list(stream.read(api, LOGS, {})) == [b"one\n", b"\xff\xfe\n"]


def test_options_travel_as_headers_with_the_credentials(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on_stream(LOGS, [END])
    list(stream.read(api, LOGS, {"Since": "5m"}))
    headers = rack.requests[0].headers
    assert headers["Since"] == "5m"
    assert headers["Origin"] == f"http://127.0.0.1:{rack.port}"
    assert headers["Authorization"].startswith("Basic ")
    assert "Sec-WebSocket-Extensions" not in headers


def test_refused_stream_is_the_error_of_the_rack(rack: ScriptedRack, api: client.Rack) -> None:
    with pytest.raises(errors.Refused) as failed:
        list(stream.read(api, LOGS, {}))
    assert failed.value.status == 404


@pytest.mark.parametrize("frames", [[(TEXT, b"one")], [(TEXT, b"one"), (CLOSE, b"\x03\xe8")]])
def test_stream_without_its_end_was_cut(rack: ScriptedRack, api: client.Rack, frames: list[tuple[int, bytes]]) -> None:
    rack.on_stream(LOGS, frames)
    with pytest.raises(errors.Unreachable, match="lost"):
        list(stream.read(api, LOGS, {}))


def test_rack_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(errors.Unreachable):
        list(stream.read(client.Rack(address.parse("http://127.0.0.1:1"), actor="x"), LOGS, {}))
