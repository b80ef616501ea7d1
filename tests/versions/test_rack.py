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
from tests.versions import racks
from tests.versions.conftest import Build
from tests.versions.racks import BROKEN, DEAF, FIRST, SECOND, THIRD

POLLERS, BETWEEN_POLLS_S = 2, 0.03
CADDIES = {FIRST: FIRST, SECOND: FIRST, THIRD: THIRD}
"""Which version brings the bytes of the Caddy that runs with each."""
DEAF_FOR_S = 5.0

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory, built: Build) -> Iterator[LaunchedRack]:
    directory = tmp_path_factory.mktemp("rack")
    artifacts = [built(version) for version in (FIRST, SECOND, THIRD)]
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
                time.sleep(BETWEEN_POLLS_S)

    def _take(self, status: int, body: bytes) -> None:
        if status == 200:
            self.versions.add(json.loads(body)["version"])
        else:
            self.failures.append(f"{status} {body[:100]!r}")


@contextmanager
def people_at_work(rack: LaunchedRack) -> Iterator[list[Poller]]:
    """Have the app and the API asked all the time; nobody may notice anything."""
    visitor, pollers = racks.visitor(rack), [Poller(rack) for _ in range(POLLERS)]
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


def acknowledged(rack: LaunchedRack, known: list[str]) -> list[str]:
    """Make a release; return all that there are, of which none may be missing."""
    rack.sternway("env", "set", f"STEP={len(known)}", "-a", "hello")
    newest, *others = rack.releases()
    assert others == known
    return [newest, *known]


def moved(rack: LaunchedRack, *words: str, to: str) -> None:
    """Have the rack moved; the running process and its Caddy are asked what they are."""
    done = rack.move(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert rack.serving() == to
    assert running_caddy(rack) == (rack.files.versions / CADDIES[to] / "bin" / "caddy").read_bytes()


def colours(rack: LaunchedRack) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(rack.files.store, timeout=10)) as store:
        return store.execute("SELECT name, colour FROM apps WHERE colour IS NOT NULL").fetchall()


@pytest.mark.parametrize(
    ("target", "cause"),
    [(DEAF, f"was not healthy within {DEAF_FOR_S:g} s: it does not answer"), (BROKEN, "ended with 1 while it started")],
)
def test_a_version_that_does_not_work_is_taken_back_and_nobody_notices(
    rack: LaunchedRack, built: Build, target: str, cause: str
):
    rack.install(built(target))
    rack.start_launcher_again(*(["--healthy-within", f"{DEAF_FOR_S:g}"] if target == DEAF else []))
    known, before = rack.releases(), rack.serving()
    with people_at_work(rack):
        done = rack.move("update", target)
        assert (done.returncode, cause in done.stderr) == (1, True), done.stderr
        assert (rack.serving(), rack.releases()) == (before, known)
    (version, status, said), *_ = rack.history()
    assert (version, status) == (target, "reverted")
    assert cause in said


def test_moved_on_and_back_and_over_a_version_and_nobody_notices(rack: LaunchedRack):
    known = rack.releases()
    with people_at_work(rack) as pollers:
        moved(rack, "update", SECOND, to=SECOND)
        known = acknowledged(rack, known)
        colour(rack)
        refused = rack.move("rollback")
        assert (refused.returncode, "apps" in refused.stderr, rack.serving()) == (1, True, SECOND)
        moved(rack, "rollback", "--accept-export", to=FIRST)
        known = acknowledged(rack, known)
        (exported,) = rack.files.exports.glob("*.json")
        (row,) = json.loads(exported.read_text())["apps"]
        assert (row["name"], row["colour"]) == ("blue", "b")
        moved(rack, "update", THIRD, to=THIRD)
        acknowledged(rack, known)
        assert colours(rack) == [("blue", "b")]
        assert json.loads(exported.with_name(f"{exported.name}.brought-in").read_text())["apps"]["brought"] == 1
    assert {version for poller in pollers for version in poller.versions} == {FIRST, SECOND, THIRD}
