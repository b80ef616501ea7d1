"""Apps as people bring them from other platforms: a Procfile and a list of packages, and nothing of ours."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.rack_process import RackProcess
from sternway.cli.errors import ExitCode
from tests.examples.conftest import Example

SERVER = """
import http.server
import os


class Greeting(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "none").encode())


http.server.HTTPServer(("0.0.0.0", int(os.getenv("PORT", 80))), Greeting).serve_forever()
"""

FILES = {
    "Procfile": "# change this to fit your needs\nweb: python server.py 2>&1 | cat\nrelease: sh prepare 2>&1\n",
    "prepare": "echo prepared\n",
    "requirements.txt": "",
    "runtime.txt": "python-3.99.1\n",
    "server.py": SERVER,
}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def foreign(rack: RackProcess, tmp_path: Path) -> Iterator[Example]:
    rack.sternway("apps", "create", "foreign")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    yield Example(rack, "foreign", tmp_path)
    rack.sternway("apps", "delete", "foreign")


def test_procfile_app_of_another_platform_is_deployed_as_it_is_and_goes_back(foreign: Example) -> None:
    first = foreign.deploy()
    assert foreign.get().text == "none"
    foreign.rack.sternway("env", "set", "GREETING=hello", "-a", "foreign", "--promote")
    assert foreign.get().text == "hello"
    foreign.roll_back(first)
    assert foreign.get().text == "none"


def test_log_of_a_service_that_there_is_not_is_not_found(foreign: Example) -> None:
    foreign.deploy()
    assert "system/rack" in foreign.rack.sternway("logs", "--no-follow", "-a", "foreign")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        foreign.rack.sternway("logs", "-s", "nope", "--no-follow", "-a", "foreign")
    assert caught.value.returncode == ExitCode.NOT_FOUND


def test_name_of_an_app_is_free_as_soon_as_its_deletion_has_ended(foreign: Example) -> None:
    foreign.deploy()
    foreign.rack.sternway("apps", "delete", "foreign")
    foreign.rack.sternway("apps", "create", "foreign")
    assert foreign.active() == ""


def test_processes_of_the_rack_are_the_daemon_and_the_parts_of_its_router(rack: RackProcess) -> None:
    listed = json.loads(rack.sternway("rack", "ps", "--json"))
    assert listed[0]["id"] == f"rack-{rack.pid}"
    assert listed[0]["command"].startswith("sternwayd --data ")
    assert [process["name"] for process in listed] == ["rack", "router", "router", "router"]
    assert {(process["app"], process["status"]) for process in listed} == {("system", "running")}
