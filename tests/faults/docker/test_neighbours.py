"""Two racks on one engine, a rack whose store was put back from a backup, and a rack that is taken down for good."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.faults.deeds import APP
from scripts.faults.rig import wait_for
from tests.faults.docker.stand import Stand, source

CONNECTIONS = 4
"""Those of the client: so many requests may be under way when what the store does not know is taken down."""
SHOP = """
environment: [GREETING]
services:
  web:
    build: .
    command: python3 app.py
    port: 3000
    health: /
    volumes: [/data]
    scale: {count: 2}
"""
CODE = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"greeting": os.environ["GREETING"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("one"), docker_host).running() as stand:
        stand.deploy(source(CODE, SHOP))
        yield stand


def belongings(stand: Stand) -> tuple[object, ...]:
    """Return whatever the engine has of a rack."""
    containers = sorted((each.id, each.state) for each in stand.engine.containers(stand.id))
    networks, volumes = sorted(stand.engine.networks(stand.id)), sorted(stand.engine.volumes(stand.id))
    return containers, networks, volumes, sorted(stand.engine.tags(stand.id).items())


def test_two_racks_of_one_name_with_an_app_of_one_name_leave_each_other_alone(
    stand: Stand, tmp_path_factory: pytest.TempPathFactory, docker_host: str
) -> None:
    stand.rig.settle(APP)
    before = belongings(stand)
    other = Stand(tmp_path_factory.mktemp("two"), docker_host)
    with stand.visited() as visitor, other.running():
        other.deploy(source(CODE, SHOP), env="GREETING=two")
        other.promote(other.change("three"))
        other.rig.rack.sternway("run", "-a", APP, "--detach", "web", "sleep 1000")
        assert (stand.greeting(), other.greeting()) == ("one", "three")
        other.rig.rack.kill()
        other.rig.rack.start()
        wait_for(lambda: len(other.processes()) == 3)
        volumes = other.engine.volumes(other.id)
        assert volumes
        other.rig.rack.stop()
        containers, networks, left, tags = belongings(other)
        assert (containers, networks, left) == ([], [], sorted(volumes))
        assert tags, "a rack that is started again can still go back"
    assert belongings(stand) == before
    assert visitor.failures == []


def test_a_rack_that_was_taken_down_comes_back_with_its_data(stand: Stand) -> None:
    stand.rig.settle(APP)
    volumes = stand.engine.volumes(stand.id)
    stand.rig.rack.stop()
    assert (stand.engine.containers(stand.id), stand.engine.networks(stand.id)) == ([], [])
    stand.rig.rack.start()
    stand.rig.settle(APP)
    wait_for(lambda: stand.greeting() == "one")
    assert stand.engine.volumes(stand.id) == volumes


def test_a_store_that_is_put_back_finds_its_containers_and_takes_down_what_it_does_not_know(stand: Stand) -> None:
    stand.rig.settle(APP)
    known, kept = {each.id for each in stand.containers()}, stand.data.with_name("kept")
    back_up(stand, kept)
    stand.promote(stand.change("unknown to the backup"))
    stand.rig.rack.kill()
    stand.rig.rack.start()  # leases that the backup knows nothing of
    stand.deploy(source(CODE, SHOP.replace("count: 2", "count: 1")), "later")
    stand.rig.rack.kill()
    for name in ("store", "keys"):
        shutil.rmtree(stand.data / name)
        shutil.copytree(kept / name, stand.data / name)
    with stand.visited() as visitor:
        stand.rig.rack.start()
        stand.rig.settle(APP)
        wait_for(lambda: stand.greeting() == "one")
        wait_for(lambda: not stand.containers("later"))
    assert visitor.failures == []
    assert len(stand.containers()) == len(known) == 2


def back_up(stand: Stand, to: Path) -> None:
    """Copy store and keys while the rack runs."""
    shutil.copytree(stand.data / "keys", to / "keys")
    (to / "store").mkdir()
    with (
        closing(sqlite3.connect(stand.data / "store" / "rack.db")) as now,
        closing(sqlite3.connect(to / "store" / "rack.db")) as copy,
    ):
        now.backup(copy)
