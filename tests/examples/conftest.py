"""A rack for the examples, and apps on it that start as copies of theirs."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from scripts.rack_process import RackProcess

LIMIT_S = 5
EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


@dataclass(frozen=True)
class Example:
    """An app on the rack, and the copy of the example that it is deployed from."""

    rack: RackProcess
    name: str
    source: Path

    def deploy(self, *options: str) -> str:
        """Deploy the copy as it is and return the release; raises CalledProcessError."""
        return self.rack.sternway("deploy", str(self.source), "-a", self.name, "--id", *options).strip()

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.source / file).read_text()
        assert old in text
        (self.source / file).write_text(text.replace(old, new, 1))

    def roll_back(self, release: str) -> None:
        self.rack.sternway("releases", "rollback", release, "-a", self.name)

    def fails_to_deploy(self) -> None:
        """See that the rack takes a deploy back by itself."""
        before = self.active()
        with pytest.raises(subprocess.CalledProcessError):
            self.deploy("--timeout", str(LIMIT_S))
        assert self.active() == before

    def active(self) -> str:
        """Return which release is active."""
        return str(json.loads(self.rack.sternway("apps", "info", self.name, "--json"))["release"])

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> Answer:
        return self._ask("GET", path, None, headers or {})

    def post(self, path: str, **form: str) -> Answer:
        return self._ask("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.rack.router_port, timeout=10)
        try:
            connection.request(method, path, body, headers | {"Host": f"web.{self.name}.localhost"})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RackProcess]:
    with RackProcess(tmp_path_factory.mktemp("rack")).running() as running:
        yield running


@pytest.fixture
def example(rack: RackProcess, tmp_path: Path) -> Callable[..., Example]:
    """Return what makes an app of an example."""

    def make(name: str, app: str = "") -> Example:
        rack.sternway("apps", "create", app or name)
        return Example(rack, app or name, Path(shutil.copytree(EXAMPLES / name, tmp_path / name)))

    return make


def is_missing(program: str) -> bool:
    """Tell whether to leave out what needs a program; where CI runs nothing is left out."""
    return shutil.which(program) is None and not os.environ.get("CI")
