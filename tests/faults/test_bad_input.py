"""What people, networks and apps do wrong, through the real API of a real rack: it says so, and goes on."""

import base64
import http.client
import io
import itertools
import os
import socket
import subprocess
import tarfile
import time
import uuid
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from scripts.faults import census
from scripts.faults.deeds import packed
from scripts.faults.rig import Rig, wait_for
from scripts.rack_process import BIN

SERVER = b"""
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "3"); self.end_headers(); self.wfile.write(b"ok\\n")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
WEB = "services:\n  web:\n    command: python3 app.py\n    port: 3000\n    health: /\n"
WORKER = "services:\n  worker:\n    command: {}\n"
GROWTH_BYTES = 48 * 1024**2
FLOOD_BYTES = 20 * 1024**2


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("input"), mark=uuid.uuid4().hex).running() as opened:
        yield opened


@pytest.fixture
def app(rig, numbers=itertools.count(1)):  # noqa: B008 - one count for all of them
    name = f"app{next(numbers)}"
    rig.call("POST", "/apps", {"name": name}).json()
    yield name
    rig.call("DELETE", f"/apps/{name}")


@pytest.fixture(scope="module")
def shop(rig):
    """An app with a release that runs, for tests that leave it as it is."""
    rig.call("POST", "/apps", {"name": "shop"}).json()
    promote(rig, "shop", deploy(rig, "shop", {"convox.yml": WEB.encode(), "app.py": SERVER}))
    return "shop"


def deploy(rig, app: str, files: dict[str, bytes]) -> str:
    """Build files and return the release."""
    build = rig.built(app, rig.build(app, packed(files)))
    assert build["status"] == "complete", build["reason"]
    return str(build["release"])


def promote(rig, app: str, release: str, **fields):
    return rig.promoted(app, rig.promote(app, release, **fields))


def reason_of(rig, app: str, archive: bytes) -> str:
    """Return why an archive cannot be built."""
    build = rig.built(app, rig.build(app, archive))
    assert build["status"] == "failed"
    assert build["release"] == ""
    return str(build["reason"])


def tar_of(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for entry, body in entries:
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return content.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


# --- builds ----------------------------------------------------------------------------------------------


def test_an_archive_that_was_cut_off_fails_its_build(rig, app):
    whole = packed({"convox.yml": WEB.encode(), "app.py": os.urandom(4096)})
    assert "cannot be unpacked" in reason_of(rig, app, whole[: len(whole) // 2])


def test_an_archive_that_is_none_fails_its_build(rig, app):
    assert "cannot be unpacked" in reason_of(rig, app, b"this is no archive")


@pytest.mark.parametrize(
    ("hostile", "word"),
    [
        (entry("../outside"), "leads out"),
        (entry("/etc/cron.d/outside"), "absolute"),
        (entry("disk", tarfile.BLKTYPE), "device"),
        (entry("out", tarfile.SYMTYPE, "/etc"), "leads out"),
    ],
    ids=["up", "absolute", "device", "link"],
)
def test_an_archive_that_reaches_out_fails_its_build_and_writes_nothing(rig, app, hostile, word):
    assert word in reason_of(rig, app, tar_of((entry("convox.yml"), WEB.encode()), (hostile, b"")))
    assert not list(rig.rack.data.rglob("outside"))


def test_a_broken_manifest_is_named_with_path_and_line(rig, app):
    broken = "services:\n  web:\n    command: run\n    port: many\n    scale: [\n"
    reason = reason_of(rig, app, packed({"convox.yml": broken.encode()}))
    assert "line" in reason
    wrong = WEB.replace("3000", "seven")
    reason = reason_of(rig, app, packed({"convox.yml": wrong.encode(), "app.py": SERVER}))
    assert "services.web.port" in reason
    assert "4" in reason


def test_a_huge_manifest_is_refused(rig, app):
    huge = WEB + "x-padding: " + "x" * 2_000_000
    assert "larger than" in reason_of(rig, app, packed({"convox.yml": huge.encode()}))


def test_a_manifest_that_explodes_when_its_aliases_are_written_out_is_refused(rig, app):
    lines = ["x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert reason_of(rig, app, packed({"convox.yml": "\n".join([*lines, WEB]).encode()}))


# --- promotions ------------------------------------------------------------------------------------------


def test_a_promotion_without_a_required_variable_is_refused_and_named(rig, app):
    manifest = "environment:\n  - SECRET_TOKEN\n" + WORKER.format("sleep 1000")
    release = deploy(rig, app, {"convox.yml": manifest.encode()})
    answer = rig.call("POST", f"/apps/{app}/releases/{release}/promote", {})
    assert answer.status == 400
    assert "SECRET_TOKEN" in answer.text
    assert rig.active(app) == ""


def test_a_health_path_that_hangs_is_reverted_after_the_time_given(rig, app):
    hangs = b"import os, socket, time\nsocket.create_server(('127.0.0.1', int(os.environ['PORT'])))\ntime.sleep(1000)\n"
    release = deploy(rig, app, {"convox.yml": WEB.encode(), "app.py": hangs})
    promotion = promote(rig, app, release, ends="reverted", timeout=1)
    assert promotion["status"] == "reverted"
    assert "not finished within" in promotion["cause"]


def test_an_app_that_exits_at_once_is_reverted_within_seconds_with_its_last_words(rig, app):
    release = deploy(rig, app, {"convox.yml": WORKER.format("echo no table of users; exit 3").encode()})
    began = time.monotonic()
    promotion = promote(rig, app, release, ends="reverted")
    assert time.monotonic() - began < 5
    assert promotion["status"] == "reverted"
    assert "code 3: no table of users" in promotion["cause"]


def test_two_promotions_at_once_are_refused_unless_forced(rig, app):
    hanging = deploy(rig, app, {"convox.yml": WEB.encode(), "app.py": b"import time; time.sleep(1000)"})
    rig.promote(app, hanging, ends="superseded")
    answer = rig.call("POST", f"/apps/{app}/releases/{hanging}/promote", {})
    assert answer.status == 403
    assert "currently updating" in answer.text
    good = deploy(rig, app, {"convox.yml": WORKER.format("sleep 1000").encode()})
    assert promote(rig, app, good, force="true")["status"] == "completed"


# --- apps that misbehave ---------------------------------------------------------------------------------


def test_an_app_that_ignores_sigterm_is_killed_after_its_grace(rig, app):
    manifest = "services:\n  worker:\n    command: sh stubborn.sh\n    termination:\n      grace: 1\n"
    script = b"trap '' TERM\nwhile true; do sleep 1; done\n"
    promote(rig, app, deploy(rig, app, {"convox.yml": manifest.encode(), "stubborn.sh": script}))
    (process,) = rig.get(f"/apps/{app}/processes")
    began = time.monotonic()
    rig.call("DELETE", f"/apps/{app}")
    wait_for(lambda: process["id"] not in census.take(rig.rack.data, rig.mark).supervisors.values())
    assert 0.9 < time.monotonic() - began < 5


def test_an_app_that_floods_its_log_costs_the_rack_neither_memory_nor_answers(rig, app):
    release = deploy(rig, app, {"convox.yml": WORKER.format("yes a line that says nothing and never ends").encode()})
    before = census.resident_bytes(rig.rack.pid)
    promote(rig, app, release)
    with closing(following(rig, f"/apps/{app}/logs")) as reader:
        assert b"101" in reader.recv(4096)
        logs = rig.rack.data / "engine" / "processes" / app
        wait_for(lambda: sum(file.stat().st_size for file in logs.glob("*/log/*")) > FLOOD_BYTES)
        assert rig.get("/apps")
        assert census.resident_bytes(rig.rack.pid) - before < GROWTH_BYTES


def following(rig, path: str) -> socket.socket:
    """Return a connection that asks for logs; whoever has it need not read them."""
    parts = urlsplit(rig.rack.url)
    secret = base64.b64encode(f"rack:{parts.password}".encode()).decode()
    lines = ["GET {} HTTP/1.1", "Host: rack", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", f"Authorization: Basic {secret}", "", ""]
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5)
    connection.sendall("\r\n".join(lines).format(path).encode())
    return connection


# --- the API ---------------------------------------------------------------------------------------------


def test_an_environment_of_five_megabytes_is_refused(rig, shop):
    for megabytes, status in ((5, 413), (2, 400)):
        answer = rig.call("POST", f"/apps/{shop}/releases", {"env": "BIG=" + "x" * megabytes * 1024**2})
        assert answer.status == status
        assert "larger than" in answer.text or "too large" in answer.text


def test_a_value_that_no_process_can_be_given_fails_with_the_cause(rig, app):
    manifest = "environment:\n  - BIG=small\n" + WORKER.format("sleep 1000")
    deploy(rig, app, {"convox.yml": manifest.encode()})
    answer = rig.call("POST", f"/apps/{app}/releases", {"env": "BIG=" + "x" * 200_000})
    if answer.status == 400:
        assert "BIG" in answer.text
        return
    promotion = promote(rig, app, answer.json()["id"], ends="reverted")
    assert promotion["status"] == "reverted"
    assert "too long" in promotion["cause"]
    assert "xxx" not in promotion["cause"]


def test_a_wrong_password_opens_nothing(rig, shop):
    parts = urlsplit(rig.rack.url)
    for path in ("/apps", f"/apps/{shop}/releases", "/system", "/nothing"):
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
            connection.request("GET", path, headers={"Authorization": "Basic cmFjazp3cm9uZw=="})
            assert connection.getresponse().status == 401


def test_a_wrong_password_is_said_on_the_command_line(rig, tmp_path):
    parts = urlsplit(rig.rack.url)
    url = f"http://rack:wrong@{parts.hostname}:{parts.port}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RACK_URL": url, **python_path()}
    done = subprocess.run(
        [BIN / "sternway", "apps"],
        stdin=subprocess.DEVNULL,
        env=environment,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
    assert b"wrong" not in done.stderr.replace(b"wrong password", b"")


def python_path() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key == "PYTHONPATH"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/apps/none"),
        ("GET", "/apps/shop/builds/BAAAAAAAAAA"),
        ("GET", "/apps/shop/releases/RAAAAAAAAAA"),
        ("POST", "/apps/shop/releases/RAAAAAAAAAA/promote"),
        ("POST", "/apps/shop/releases/RAAAAAAAAAA/rollback"),
        ("GET", "/apps/shop/processes/none"),
        ("DELETE", "/apps/shop/processes/none"),
        ("GET", "/apps/shop/promotions/999999"),
        ("PUT", "/apps/shop/services/none"),
        ("GET", "/apps/shop/objects/none"),
        ("DELETE", "/apps/none"),
    ],
)
def test_what_is_not_there_is_not_found(rig, shop, method, path):
    answer = rig.call(method, path, {"count": 1} if method in ("POST", "PUT") else None)
    assert answer.status == 404
    assert "not found" in answer.text


def test_a_second_rack_on_the_same_directory_is_refused(rig, shop):
    command = [BIN / "sternwayd", "--data", rig.rack.data, "--listen", "127.0.0.1:0", "--router-listen", "127.0.0.1:0"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "a rack already runs" in done.stderr
    assert rig.get(f"/apps/{shop}")["release"]


def test_after_all_this_the_rack_is_as_before(rig, shop):
    assert rig.broken_chains() == {}
    assert "Traceback" not in (rig.rack.data / "sternwayd.log").read_text()
