"""What becomes of single containers that end, are removed, or do not do as they are told, and of builds that end."""

import time
from collections.abc import Iterator

import pytest

from scripts.faults import deeds
from scripts.faults.deeds import APP
from scripts.faults.rig import wait_for
from tests.faults.docker.stand import Stand, source

CONNECTIONS = 4
CRASHES = 50
GRACEFUL = """
import json, os, signal, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"greeting": os.environ["GREETING"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if is_ending.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

class Server(ThreadingHTTPServer):
    request_queue_size = 128

is_ending = threading.Event()
server = Server(("0.0.0.0", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: is_ending.set())
threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
is_ending.wait()
server.shutdown()
server.timeout = 0
for waiting in range(server.request_queue_size):
    server.handle_request()
server.server_close()
time.sleep(1)
"""
"""On SIGTERM it takes the connections that wait and no more; it goes on answering for a second on those it has."""
STUBBORN = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.execvp("python3", ["python3", "-m", "http.server", os.environ["PORT"]])
"""
GREEDY = "kept = []\nwhile True:\n    kept.append(bytearray(4 << 20))\n"
ONE = "services:\n  web:\n    build: .\n    command: python3 app.py\n    port: 3000\n"


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("containers"), docker_host).running() as stand:
        manifest = f"environment: [GREETING]\n{ONE}    health: /\n    scale: {{count: 2}}\n"
        stand.deploy(source(GRACEFUL, manifest))
        yield stand


def until_filled(stand: Stand, without: str) -> None:
    wait_for(lambda: without not in [each["id"] for each in stand.processes()] or is_back(stand, without))
    stand.rig.settle(APP)


def is_back(stand: Stand, process_id: str) -> bool:
    return {each["id"]: each["status"] for each in stand.processes()}.get(process_id) == "running"


def test_a_container_that_is_stopped_and_removed_by_hand_costs_no_request(stand: Stand) -> None:
    removed = stand.containers()[0].id
    with stand.visited() as visitor:
        stand.engine.call("POST", f"/containers/{removed}/stop")
        stand.engine.call("DELETE", f"/containers/{removed}?force=1")
        until_filled(stand, removed)
    assert removed not in [each.id for each in stand.containers()]
    assert visitor.failures == []


def test_a_container_that_is_removed_by_force_costs_the_requests_that_it_had(stand: Stand) -> None:
    removed = stand.containers()[0].id
    with stand.visited() as visitor:
        stand.engine.call("DELETE", f"/containers/{removed}?force=1")
        until_filled(stand, removed)
    assert removed not in [each.id for each in stand.containers()]
    assert visitor.failed <= CONNECTIONS


def test_an_app_that_ignores_sigterm_is_killed_after_its_grace_and_holds_up_nobody(stand: Stand) -> None:
    manifest = f"environment: [OTHER=0]\n{ONE}    health: /\n    termination: {{grace: 1}}\n"
    stand.deploy(source(STUBBORN, manifest), "stubborn")
    before = stand.containers("stubborn")
    stand.rig.promoted("stubborn", stand.rig.promote("stubborn", stand.rig.release("stubborn", env="OTHER=1")))
    began = time.monotonic()
    wait_for(lambda: not {each.id for each in before} & {each.id for each in stand.containers("stubborn")})
    assert time.monotonic() - began < 10


def test_an_app_that_ends_at_once_fifty_times_reverts_with_its_last_line_and_leaves_nothing(stand: Stand) -> None:
    stand.rig.call("POST", "/apps", {"name": "crashes"}).json()
    manifest = b"environment: [N]\nservices: {web: {build: ., port: 3000, scale: {count: 10}}}\n"
    says = 'CMD ["sh", "-c", "echo begun; echo the database is not there; exit 3"]'
    dockerfile = f"FROM sternway-busybox\n{says}\n".encode()
    build = stand.rig.build("crashes", deeds.packed({"convox.yml": manifest, "Dockerfile": dockerfile}))
    assert stand.rig.built("crashes", build)["status"] == "complete"
    began, attempts = int(time.time()), 0
    while stand.engine.deaths(stand.id, "crashes", since=began) < CRASHES:
        attempt = stand.promote(stand.rig.release("crashes", build=build, env=f"N={attempts}"), "crashes")
        assert attempt["status"] == "reverted"
        assert "keeps exiting: exited with code 3: the database is not there" in attempt["cause"]
        attempts += 1
    wait_for(lambda: not stand.containers("crashes"))
    assert stand.greeting() == "one"


def test_an_app_that_takes_too_much_memory_is_killed_and_the_cause_says_so(stand: Stand) -> None:
    stand.rig.call("POST", "/apps", {"name": "greedy"}).json()
    build = stand.rig.build("greedy", source(GREEDY, f"{ONE}    scale: {{memory: 64}}\n"))
    assert stand.rig.built("greedy", build)["status"] == "complete"
    attempt = stand.promote(stand.rig.release("greedy", build=build), "greedy")
    assert attempt["status"] == "reverted"
    assert "out of memory (limit 64 MiB)" in attempt["cause"]


def test_a_build_that_is_cancelled_leaves_nothing_in_the_engine(stand: Stand) -> None:
    sleep = f"sleep {time.monotonic_ns()}"
    files = {
        "convox.yml": b"services: {web: {build: .}}",
        "Dockerfile": f"FROM sternway-busybox\nRUN {sleep}\n".encode(),
    }
    tags = stand.engine.tags(stand.id)
    build = stand.rig.build(APP, deeds.packed(files))
    wait_for(lambda: any(sleep in each["Command"] for each in stand.engine.call("GET", "/containers/json")))
    stand.rig.call("DELETE", f"/apps/{APP}/builds/{build}")
    assert stand.rig.built(APP, build)["status"] == "failed"
    wait_for(lambda: not any(sleep in each["Command"] for each in stand.engine.call("GET", "/containers/json?all=1")))
    wait_for(lambda: not list(stand.rig.unpacked.glob("*")))
    assert stand.engine.tags(stand.id) == tags
