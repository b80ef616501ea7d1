"""A rack of real versions is moved on, back and over one, with people at work on it all the time."""

import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.launched_rack import LaunchedRack, launched
from scripts.visitor import Visitor
from tests.versions import racks
from tests.versions.conftest import Build
from tests.versions.racks import BROKEN, DEAF, FIRST, SECOND, THIRD

POLLERS = 3

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory, built: Build) -> Iterator[LaunchedRack]:
    directory = tmp_path_factory.mktemp("rack")
    artifacts = [built(version) for version in racks.CHANGES]
    with launched(directory / "r", artifacts[:1], FIRST) as rack:
        rack.follow(racks.publish(artifacts, directory))
        rack.sternway("apps", "create", "hello")
        rack.sternway("deploy", str(racks.ROOT / "examples" / "hello"), "-a", "hello")
        yield rack


class Poller(threading.Thread):
    """A client of the API that keeps its connection and never retries."""

    def __init__(self, rack: LaunchedRack) -> None:
        super().__init__()
        self._address = urlsplit(rack.url)
        self._headers = {"Authorization": rack.authorization()}
        self.is_over = threading.Event()
        self.asked = 0
        self.failures: list[str] = []
        self.versions: set[str] = set()

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=60)
        with closing(connection):
            while not self.is_over.is_set():
                self.asked += 1
                try:
                    connection.request("GET", "/system", headers=self._headers)
                    answer = connection.getresponse()
                    self._take(answer.status, answer.read())
                except (OSError, http.client.HTTPException) as problem:
                    self.failures.append(repr(problem))
                    connection.close()
                time.sleep(0.01)

    def _take(self, status: int, body: bytes) -> None:
        if status == 200:
            self.versions.add(json.loads(body)["version"])
        else:
            self.failures.append(f"{status} {body[:100]!r}")


@contextmanager
def people_at_work(rack: LaunchedRack) -> Iterator[list[Poller]]:
    """Have the app and the API asked all the time; nobody may notice anything."""
    visitor, pollers = Visitor(rack.router_port, "web.hello.localhost"), [Poller(rack) for _ in range(POLLERS)]
    visitor.start()
    for poller in pollers:
        poller.start()
    try:
        yield pollers
    finally:
        for poller in pollers:
            poller.is_over.set()
            poller.join()
        visitor.stop()
    assert (visitor.failed, visitor.failures) == (0, [])
    assert visitor.sent > 100
    assert [failure for poller in pollers for failure in poller.failures] == []


def colour(rack: LaunchedRack) -> None:
    """Have a row that only the schema with colours can hold."""
    with closing(sqlite3.connect(rack.files.store, timeout=10)) as store:
        store.execute("INSERT INTO apps (name, made_at, made_by, made_reason, colour) VALUES ('blue', 0, '', '', 'b')")
        store.commit()


def running_caddy(rack: LaunchedRack) -> bytes:
    """Return the program of the front that was started last."""
    notes = [json.loads(note.read_text()) for note in (rack.root / "router" / "run").glob("front*.pid")]
    newest = max(notes, key=lambda note: int(note["started"]))
    return Path(f"/proc/{newest['pid']}/exe").read_bytes()


def colours(rack: LaunchedRack) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(rack.files.store, timeout=10)) as store:
        return store.execute("SELECT name, colour FROM apps WHERE colour IS NOT NULL").fetchall()


def test_moved_on_and_back_and_over_a_version_and_nobody_notices(rack: LaunchedRack):
    known = rack.releases()
    caddies = {SECOND: FIRST, FIRST: FIRST, THIRD: THIRD}
    with people_at_work(rack) as pollers:
        for number, target in enumerate((SECOND, FIRST, THIRD, FIRST)):
            moved = rack.move("update", target)
            assert (moved.returncode, moved.stderr) == (0, "")
            assert rack.serving() == target
            assert running_caddy(rack) == (rack.files.versions / caddies[target] / "bin" / "caddy").read_bytes()
            rack.sternway("env", "set", f"STEP={number}", "-a", "hello")
            known = [*rack.releases()[:1], *known]
            assert rack.releases() == known
    assert {version for poller in pollers for version in poller.versions} == {FIRST, SECOND, THIRD}


@pytest.mark.parametrize(
    ("target", "cause"),
    [(DEAF, "was not healthy within 25 s: it does not answer"), (BROKEN, "ended with 1 while it started")],
)
def test_a_version_that_does_not_work_is_taken_back_and_nobody_notices(rack: LaunchedRack, target: str, cause: str):
    known, before = rack.releases(), rack.serving()
    with people_at_work(rack):
        moved = rack.move("update", target)
        assert moved.returncode == 1
        assert cause in moved.stderr
        assert rack.serving() == before
        assert rack.releases() == known
    (version, status, said), *_ = rack.history()
    assert (version, status) == (target, "reverted")
    assert cause in said


def test_rows_that_an_older_version_cannot_hold_are_exported_if_accepted_and_come_back(
    rack: LaunchedRack,
):
    assert rack.move("update", SECOND).returncode == 0
    colour(rack)
    refused = rack.move("update", FIRST)
    assert refused.returncode == 1
    assert "apps" in refused.stderr
    assert rack.serving() == SECOND
    assert rack.move("update", FIRST, "--accept-export").returncode == 0
    (exported,) = rack.files.exports.glob("*.json")
    (row,) = json.loads(exported.read_text())["apps"]
    assert (row["name"], row["colour"]) == ("blue", "b")
    assert rack.move("update", SECOND).returncode == 0
    assert colours(rack) == [("blue", "b")]
    assert exported.exists()
    assert json.loads(exported.with_name(f"{exported.name}.brought-in").read_text())["apps"]["brought"] == 1


def test_rollback_goes_to_the_version_before_and_a_second_one_returns(rack: LaunchedRack):
    assert rack.move("update", THIRD, "--accept-export").returncode == 0
    assert rack.move("rollback").returncode == 0
    assert (rack.serving(), colours(rack)) == (SECOND, [("blue", "b")])
    assert rack.move("rollback", "--accept-export").returncode == 0
    assert rack.serving() == THIRD
