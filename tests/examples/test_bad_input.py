"""Sources that cannot be built, sent to a real rack: each build fails with a reason, and the rack goes on."""

import http.client
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from scripts.rack_process import RackProcess

APP = "bad-input"
BILLION_LAUGHS = b"a0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 31)
)
FINE = {"convox.yml": b"services:\n  web:\n    command: sleep 60\n"}

Build = Callable[[bytes], dict[str, Any]]

pytestmark = pytest.mark.timeout(120)


class Api:
    """Calls of the API with bodies of any kind."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def call(self, method: str, path: str, body: bytes | dict[str, str] = b"") -> Any:
        credentials = b64encode(f"{self._url.username}:{self._url.password}".encode()).decode()
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=30)
        try:
            headers = {"Authorization": f"Basic {credentials}", "Accept": "application/json"}
            if isinstance(body, dict):
                body, headers["Content-Type"] = urlencode(body).encode(), "application/x-www-form-urlencoded"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            return json.loads(content)
        finally:
            connection.close()


def packed(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def files(given: dict[str, bytes]) -> bytes:
    return packed(*((tarfile.TarInfo(name), data) for name, data in given.items()))


def entry(name: str, kind: bytes, target: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return packed((info, b""))


def builds_on(rack: RackProcess) -> Build:
    """Return what uploads an archive, has it built, and returns the build once it has ended."""
    api = Api(rack.url)
    rack.sternway("apps", "create", APP)

    def build(archive: bytes) -> dict[str, Any]:
        url = api.call("POST", f"/apps/{APP}/objects/tmp/source.tgz", archive)["Url"]
        build_id = api.call("POST", f"/apps/{APP}/builds", {"url": url})["id"]
        found: dict[str, Any] = {"status": "running"}
        while found["status"] == "running":
            time.sleep(0.02)
            found = api.call("GET", f"/apps/{APP}/builds/{build_id}")
        return found

    return build


@pytest.fixture(scope="module")
def build(rack: RackProcess) -> Build:
    return builds_on(rack)


BAD = {
    "empty": (b"", "cannot be unpacked"),
    "no tar": (b"not a tar at all", "cannot be unpacked"),
    "torn": (files(FINE)[:60], "cannot be unpacked"),
    "outside": (entry("../outside", tarfile.REGTYPE), "leads out of the tree"),
    "absolute": (entry("/etc/cron.d/x", tarfile.REGTYPE), "is an absolute path"),
    "link out": (entry("link", tarfile.SYMTYPE, "/etc"), "leads out of the tree"),
    "pipe": (entry("pipe", tarfile.FIFOTYPE), "is a device or a pipe"),
    "device": (entry("disk", tarfile.BLKTYPE), "is a device or a pipe"),
    "no manifest": (files({"README": b""}), "convox.yml is not in the source"),
    "broken yaml": (files({"convox.yml": b"services: [\n"}), "convox.yml"),
    "not utf-8": (files({"convox.yml": b"\xff\xfe"}), "not UTF-8"),
    "huge yaml": (files({"convox.yml": b"#" * 2_000_000}), "larger than"),
    "billion laughs": (files({"convox.yml": BILLION_LAUGHS}), "more than 10000 values"),
    "deep yaml": (files({"convox.yml": b"[" * 50_000}), "convox.yml"),
    "broken procfile": (files({"Procfile": b"web\n"}), "Procfile"),
    "requirements outside": (
        files(FINE | {"requirements.txt": b"-r ../../../../../keys/rack.key\n"}),
        "not in the source",
    ),
    "unknown package": (files(FINE | {"requirements.txt": b"--no-index\nno-such-package==1\n"}), "no-such-package"),
    "broken package.json": (files(FINE | {"package.json": b"{"}), "package.json cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_build_fails_with_a_reason(build: Build, name: str) -> None:
    archive, reason = BAD[name]
    found = build(archive)
    assert found["status"] == "failed"
    assert reason in found["reason"]


def test_full_disk_fails_the_build_and_the_rack_goes_on(tmp_path: Path) -> None:
    """The disk holds the upload and not what is in it; afterwards there is as much room as before."""
    data = tmp_path / "small"
    data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(data)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with RackProcess(data).running() as rack:
            build = builds_on(rack)
            large = build(files(FINE | {"large": os.urandom(30_000_000)}))
            assert (large["status"], large["reason"][:29]) == ("failed", "the disk of the rack is full:")
            deadline = time.monotonic() + 10  # the source goes just after the failure is on record
            while shutil.disk_usage(data).free <= 40_000_000:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert build(files(FINE))["status"] == "complete"
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def test_rack_builds_on_after_all_that(build: Build, rack: RackProcess) -> None:
    found = build(files(FINE))
    assert (found["status"], found["release"][:1]) == ("complete", "R")
    assert list((rack.data / "engine" / "building").iterdir()) == []
