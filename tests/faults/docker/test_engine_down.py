"""An engine that is down when the rack starts, or that restarts in the middle of a promotion or a rollback."""

import asyncio
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.faults.deeds import APP
from scripts.faults.rig import OPEN, Unanswered, wait_for
from scripts.rack_process import BIN
from sternway.core.crossing import Crossing
from tests.engines.conftest import unless_on_ci
from tests.engines.docker.daemon import DockerDaemon, obstacle, started
from tests.faults.docker.stand import Stand, source

IMAGE = "sternway-python"
UP_AGAIN_S = 45.0
MANIFEST = """
environment: [GREETING]
services:
  web: {build: ., command: python3 app.py, port: 3000, health: {path: /, interval: 1}, scale: {count: 2}}
"""
SLOW = """
import json, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"greeting": os.environ["GREETING"]}).encode())

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(2)
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
"""It takes a while to answer, so that there is a middle of a promotion."""


class Daemon:
    """An engine of this test's own, for code that is not async."""

    def __init__(self, runner: asyncio.Runner, daemon: DockerDaemon) -> None:
        self._runner = runner
        self._daemon = daemon
        self.address = daemon.address

    def start(self) -> None:
        self._runner.run(self._daemon.start())

    def stop(self) -> None:
        self._runner.run(self._daemon.stop())

    def revive(self) -> None:
        """Start it unless it runs."""
        if not self._daemon.pid:
            self.start()


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def daemon(docker_host: str) -> Iterator[Daemon]:
    if problem := obstacle():
        unless_on_ci(problem)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        context = started("--shutdown-timeout=5")
        daemon = runner.run(context.__aenter__())
        try:
            runner.run(daemon.take_image(IMAGE, docker_host))
            yield Daemon(runner, daemon)
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, daemon: Daemon) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("down"), daemon.address).running() as stand:
        stand.deploy(source(SLOW, MANIFEST))
        yield stand
        daemon.revive()  # a test that failed in between may have left it ended, and then no rack can be taken down


def warnings(stand: Stand) -> str:
    """Return what `sternway rack` warns of."""
    command = [str(BIN / "sternway"), "rack"]
    done = subprocess.run(
        command,
        env={"RACK_URL": stand.rig.rack.url, "PATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stderr


def newest(stand: Stand) -> Any:
    return stand.rig.get(f"/apps/{APP}/promotions?limit=1")[0]


def begin(stand: Stand, way: str) -> tuple[str, str]:
    """Begin a promotion or a rollback to what does not run; return the two greetings that may be in the end."""
    before = stand.greeting()
    if way == "rollback":
        past = stand.rig.active(APP)
        stand.promote(stand.change("between"))
        before, after = "between", before
        stand.rig.settle(APP)
        stand.rig.roll_back(APP, past)
    else:
        after = "after a restart"
        stand.rig.promote(APP, stand.change(after))
    return before, after


@pytest.mark.parametrize("way", ["promotion", "rollback"])
def test_an_engine_that_restarts_in_the_middle_leaves_one_release_or_the_other(
    stand: Stand, daemon: Daemon, way: str
) -> None:
    stand.rig.settle(APP, UP_AGAIN_S)
    greetings = begin(stand, way)
    # Not while it starts one: an engine that ends then leaves what it could never remove (a shim that holds its files).
    wait_for(lambda: [each.state for each in stand.containers()] == ["running"] * 4)
    daemon.stop()
    wait_for(lambda: "engine: " in warnings(stand))
    assert stand.rig.call("GET", f"/apps/{APP}/processes").status == 503
    daemon.start()
    stand.rig.settle(APP, UP_AGAIN_S)
    assert warnings(stand) == ""
    found = {stand.greeting() for _ in range(8)}
    assert len(found) == 1
    assert found <= set(greetings)
    assert found == {greetings[newest(stand)["status"] == "completed"]}


def test_a_rack_whose_engine_is_down_serves_its_history_and_goes_on_when_it_is_back(
    stand: Stand, daemon: Daemon
) -> None:
    stand.rig.settle(APP, UP_AGAIN_S)
    release = stand.change("at last")
    stand.rig.die_at(Crossing.SWITCHING)
    with pytest.raises(Unanswered):
        stand.promote(release)
    assert stand.rig.rack.has_died(10)
    daemon.stop()
    stand.rig.rack.start()
    build = stand.rig.get(f"/apps/{APP}/releases")[-1]["build"]
    for path in ("releases", f"releases/{release}", "builds", f"builds/{build}"):
        assert stand.rig.call("GET", f"/apps/{APP}/{path}").status == 200, path
    assert stand.rig.call("GET", f"/apps/{APP}/processes").status == 503
    assert "Building" in stand.rig.rack.sternway("builds", "logs", build, "-a", APP)
    assert "engine: " in warnings(stand)
    assert newest(stand)["status"] in OPEN
    daemon.start()
    stand.rig.settle(APP, UP_AGAIN_S)
    assert (newest(stand)["status"], stand.greeting()) == ("completed", "at last")
