"""Moving the rack itself: how long an update and going back take, what clients of the API notice, what artifacts weigh.

The time includes the trial on a copy and a second of watching; asked meanwhile by a client that never retries.
"""

import http.client
import importlib.util
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from bench import place
from bench.figures import Figures, Goal, Kind, Row, interleaved
from bench.place import Place
from scripts.launched_rack import LaunchedRack, launched
from scripts.version import cli, rack
from scripts.version.tree import Tree

OLD, NEW = "20260101000000", "20260201000000"
NONE_FAILED = Goal(Kind.MEDIAN, 0)
START = Goal(Kind.EXCESS, 100)
PAUSE_S = 0.005


def measure(here: Place) -> list[Row]:
    """Move a rack of real versions on and back, and start the one executable beside the installed command."""
    out = here.directory / "dist"
    artifacts = [rack.make(_tree(version), _made(out / version)) for version in (OLD, NEW)]
    with launched(here.directory / "rack", artifacts, OLD) as found:
        client = Client(found)
        client.start()
        moves = [_moved(found, target) for target in _targets(here.rounds(5, 1))]
        client.end()
    return [*_moving(moves, client), _size("artifact of the rack", artifacts[0]), *_executable(here, out)]


def _targets(rounds: int) -> list[str]:
    return [NEW, OLD] * rounds


def _tree(version: str) -> Tree:
    return Tree(place.ROOT, version)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


def _moved(found: LaunchedRack, target: str) -> float:
    """Return the seconds that `rack update --wait` takes."""
    began = time.perf_counter()
    found.move("update", target).check_returncode()
    return time.perf_counter() - began


class Client(threading.Thread):
    """Asks the API all the time over one kept connection, and never again what failed."""

    def __init__(self, found: LaunchedRack) -> None:
        super().__init__()
        self._address = urlsplit(found.url)
        self._is_over = threading.Event()
        self.failed = 0
        self.took_ms: list[float] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=120)
        with closing(connection):
            while not self._is_over.is_set():
                began = time.perf_counter()
                try:
                    connection.request("GET", "/check")
                    answer = connection.getresponse()
                    answer.read()
                    self.failed += answer.status != 200
                except (OSError, http.client.HTTPException):
                    self.failed += 1
                    connection.close()
                self.took_ms.append((time.perf_counter() - began) * 1000)
                time.sleep(PAUSE_S)

    def end(self) -> None:
        self._is_over.set()
        self.join()


def _moving(moves: list[float], client: Client) -> list[Row]:
    asked = f"failed of {len(client.took_ms):,} API requests, {len(moves)} moves"
    return [
        Row("versions", "update of the rack", "s", Figures.of(moves[0::2])),
        Row("versions", "rollback of the rack", "s", Figures.of(moves[1::2])),
        Row("versions", asked, "", Figures.once(client.failed), goal=NONE_FAILED),
        Row("versions", "longest that an API request was held", "ms", Figures.once(max(client.took_ms))),
    ]


def _size(what: str, artifact: Path) -> Row:
    return Row("versions", what, "MB", Figures.once(artifact.stat().st_size / 1_000_000))


def _executable(here: Place, out: Path) -> list[Row]:
    """Freeze the command line and start it beside the installed one; left out where nothing can freeze it."""
    if importlib.util.find_spec("PyInstaller") is None:
        return []
    artifact = cli.make(_tree(NEW), out / NEW)
    home = _made(here.directory / "home")
    place.run_ms(["python3", "-m", "zipfile", "-e", str(artifact), str(home)], place.bare_environment(home), home)
    frozen = home / "sternway"
    frozen.chmod(0o755)
    alone = place.bare_environment(home, XDG_CACHE_HOME=str(home / "cache"))
    first = place.run_ms([str(frozen), "version"], alone, home)
    ours, installed = [str(frozen), "version"], [str(place.BIN / "sternway"), "version"]
    starts = {
        "installed": lambda: place.run_ms(installed, alone, home),
        "executable": lambda: place.run_ms(ours, alone, home),
    }
    figures = interleaved(here.rounds(25, 5), starts)
    beside = "installed command"
    return [
        _size("artifact of the command line", artifact),
        Row(
            "versions", "start of the one executable", "ms", figures["executable"], beside, figures["installed"], START
        ),
        Row("versions", "its first start, which unpacks it", "ms", Figures.once(first)),
    ]
