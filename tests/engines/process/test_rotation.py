"""A process that dies, seen from a client through the real router: only what it was answering itself may be lost."""

import http.client
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.rack_process import RackProcess
from scripts.visitor import Visitor
from sternway.engines.process import report
from sternway.engines.process.slots import Slots
from tests.engines.process.observing import innermost

EXAMPLE = Path(__file__).parents[3] / "examples" / "hello"
HOST = "web.hello.localhost"
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RackProcess]:
    """A rack with the example deployed, two processes of it."""
    directory = tmp_path_factory.mktemp("rotation")
    rack = RackProcess(directory / "rack")
    with rack.running():
        shutil.copytree(EXAMPLE, directory / "hello")
        rack.sternway("apps", "create", "hello")
        rack.run("sternway", "deploy", "-a", "hello", cwd=directory / "hello")
        yield rack


def processes(rack: RackProcess) -> list[report.Report]:
    """Return what supervisors last wrote of the processes that run."""
    there = Slots(rack.data / "engine" / "processes").of_app("hello")
    found = (report.read(path) for _, path in there if not (path / "ended").exists())
    return [each for each in found if each and each.pid]


def healthy(rack: RackProcess) -> int:
    listed = json.loads(rack.sternway("ps", "-a", "hello", "--json"))
    return sum(each["status"] == "running" for each in listed)


def wait_until_both_are_back(rack: RackProcess, exits: int) -> None:
    """Wait until both take requests again, after so many exits in all."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        there = processes(rack)
        if len(there) == 2 and sum(each.exits for each in there) >= exits and healthy(rack) == 2:
            return
    raise AssertionError("the process that died did not come back")


def kill(process: report.Report) -> None:
    """Kill it, and return once it is gone; until then it may be given requests."""
    last = os.pidfd_open(innermost(process.pid))
    os.killpg(process.pid, signal.SIGKILL)
    select.select([last], [], [], PATIENCE_S)
    os.close(last)


def exits(rack: RackProcess) -> int:
    return sum(each.exits for each in processes(rack))


def test_an_idle_process_that_is_killed_costs_no_request_at_all(rack: RackProcess):
    client = http.client.HTTPConnection("127.0.0.1", rack.router_port, timeout=10)
    before, statuses = exits(rack), []
    for number in range(100):
        if number == 20:
            kill(processes(rack)[0])
        client.request("GET", "/", headers={"Host": HOST})
        answer = client.getresponse()
        answer.read()
        statuses.append(answer.status)
    client.close()
    assert statuses == [200] * 100
    wait_until_both_are_back(rack, before + 1)


def test_a_process_that_is_killed_under_load_costs_only_what_it_was_answering(rack: RackProcess):
    connections = 4
    before, visitor = exits(rack), Visitor(rack.router_port, HOST, connections=connections)
    visitor.start()
    kill(processes(rack)[0])
    wait_until_both_are_back(rack, before + 1)
    visitor.stop()
    assert visitor.sent > connections
    assert visitor.failed <= connections
