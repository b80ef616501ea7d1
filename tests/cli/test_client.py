import base64
import io
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sternway.cli import address, client, errors
from sternway.wire import types
from tests.cli.scripted import Answer, ScriptedRack, refusal

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
MAKE_CERTIFICATE = ("openssl", "req", "-x509", *EC, "-subj", "/CN=elsewhere")


@pytest.fixture
def api(rack: ScriptedRack) -> Iterator[client.Rack]:
    api = client.Rack(address.parse(rack.url), actor="ann@desk")
    yield api
    api.close()


def test_requests_carry_the_credentials_as_the_url_has_them(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /system", {"version": "1"})
    api.get("/system")
    headers = rack.requests[0].headers
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"convox:secret").decode()
    assert headers["Accept"] == "application/json"
    assert headers["X-Convox-Actor"] == "ann@desk"


def test_host_with_several_racks_is_told_which_is_meant(rack: ScriptedRack) -> None:
    rack.on("GET /system", {})
    api = client.Rack(address.parse(rack.url), actor="x", name="org/prod")
    api.get("/system")
    api.close()
    assert rack.requests[0].headers["Rack"] == "org/prod"


def test_uploads_tell_how_far_they_are(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("POST /x", {"Url": "object://x"})
    told: list[int] = []
    api.upload(types.StoredObject, "/x", io.BytesIO(bytes(100_000)), 100_000, sent=told.append)
    assert told == [65_536, 100_000]


def test_one_connection_serves_many_requests(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /system", {})
    rack.on("POST /apps", {"name": "a", "status": "running"})
    for _ in range(3):
        api.get("/system")
        api.create(types.App, "/apps", {"name": "a"})
    assert len(rack.connections) == 1


def test_reading_survives_a_connection_that_the_rack_closed(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /system", {"version": "1"})
    api.get("/system")
    assert api._connection is not None
    api._connection.sock.shutdown(socket.SHUT_RDWR)
    assert api.get("/system") == {"version": "1"}


def test_prefix_of_the_url_is_honoured(rack: ScriptedRack) -> None:
    rack.prefix = "/inner"
    rack.on("GET /system", {"version": "1"})
    api = client.Rack(address.parse(rack.url), actor="x")
    assert api.get("/system") == {"version": "1"}
    api.close()


def test_proxies_of_the_environment_are_not_used(
    rack: ScriptedRack, api: client.Rack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    rack.on("GET /system", {})
    assert api.get("/system") == {}


def test_forms_leave_out_what_is_not_given(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("POST /x", Answer())
    api.send("POST", "/x", {"none": None, "yes": True, "no": False, "list": ["a", "b"], "map": {"k": "a b"}, "n": 3})
    assert rack.requests[0].form == {"yes": "true", "no": "false", "list": "a,b", "map": "k=a+b", "n": "3"}


def test_files_are_uploaded_with_their_length(rack: ScriptedRack, api: client.Rack) -> None:
    content = bytes(200_000)
    rack.on("POST /apps/a/objects/tmp/x", {"Url": "object://a/tmp/x"})
    stored = api.upload(types.StoredObject, "/apps/a/objects/tmp/x", io.BytesIO(content), len(content))
    assert stored.Url == "object://a/tmp/x"
    assert rack.requests[0].body == content
    assert "Transfer-Encoding" not in rack.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "message", "hint", "exit_code"),
    [
        (refusal(404, "app not found", "not-found", "see: apps"), "app not found", "see: apps", 3),
        (Answer(404, b"no such app\n"), "no such app", "", 3),
        (Answer(404, b""), "this rack does not offer it", "see which version it runs: sternway version", 3),
        (refusal(409, "locked"), "locked", "", 4),
        (Answer(500, b"[1]"), "[1]", "", 1),
        (Answer(503, b"\xff"), "\ufffd", "", 1),
    ],
)
def test_errors_of_any_rack_are_understood(
    rack: ScriptedRack, api: client.Rack, answer: Answer, message: str, hint: str, exit_code: int
) -> None:
    rack.on("GET /x", answer)
    with pytest.raises(errors.Refused) as failed:
        api.get("/x")
    assert (failed.value.message, failed.value.hint, failed.value.exit_code) == (message, hint, exit_code)
    assert failed.value.is_route_missing == (answer.content == b"")


@pytest.mark.parametrize("content", [b"ok\n", b"", b"[]", b'{"name": "x"}'])
def test_answers_of_another_shape_are_an_error(rack: ScriptedRack, api: client.Rack, content: bytes) -> None:
    rack.on("GET /apps/a", Answer(200, content))
    with pytest.raises(errors.CommandFailed, match="makes no sense"):
        api.fetch(types.App, "/apps/a")


def test_null_is_an_empty_list(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps", Answer(200, b"null"))
    assert api.fetch_all(types.App, "/apps") == []


def test_rack_that_is_not_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(errors.Unreachable, match="Connection refused"):
        client.Rack(address.parse(f"http://u:secret@127.0.0.1:{port}"), actor="x").get("/system")


def test_rack_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        api = client.Rack(address.parse(f"http://127.0.0.1:{server.getsockname()[1]}"), actor="x")
        with pytest.raises(errors.Unreachable, match="timed out"):
            api.get("/system", timeout_s=0.05)


def test_certificates_that_racks_made_themselves_are_taken(tmp_path: Path) -> None:
    certificate = tmp_path / "both.pem"
    subprocess.run(
        [*MAKE_CERTIFICATE, "-keyout", str(certificate), "-out", str(tmp_path / "cert.pem")],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, context))
        thread.start()
        api = client.Rack(address.parse(f"https://127.0.0.1:{server.getsockname()[1]}"), actor="x")
        assert api.get("/system") == {}
        api.close()
        thread.join()


def _answer_once(server: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = server.accept()
    with context.wrap_socket(plain, server_side=True) as secure:
        secure.recv(65536)
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


def test_slow_answer_is_not_asked_for_twice(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /system", {})
    api.get("/system")
    rack.hold.clear()
    with pytest.raises(errors.Unreachable, match="timed out"):
        api.get("/system", timeout_s=0.05)
    rack.hold.set()
    assert rack.lines() == ["GET /system"] * 2
