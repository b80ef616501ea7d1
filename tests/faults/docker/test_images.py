"""Images that are deleted behind the rack's back, and the registry that keeps copies of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from scripts.faults.deeds import APP
from tests.engines.docker import registry
from tests.engines.docker.registry import Registry
from tests.faults.docker.stand import Stand, source

ONE = """
environment: [GREETING]
services:
  web: {build: ., command: python3 app.py, port: 3000, health: /}
"""
CODE = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"greeting": os.environ["GREETING"], "version": VERSION}).encode())

HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry.running(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("images"), docker_host).running() as stand:
        yield stand


def deploy(stand: Stand, version: str) -> str:
    """Deploy an image that nobody else has: the mark of the stand is in it."""
    return stand.deploy(source(f"VERSION = {version!r}  # {stand.rig.mark}\n{CODE}", ONE))


def lose_image(stand: Stand, release: str) -> None:
    """Remove all that the engine has of the image of a release, as `docker system prune --all` would."""
    build = stand.rig.get(f"/apps/{APP}/releases/{release}")["build"]
    image = stand.engine.tags(stand.id)[f"sternway-{stand.id}/{APP}:{build}-web"]
    for each in stand.engine.call("GET", "/containers/json?all=1"):
        if each["ImageID"] == image:
            stand.engine.call("DELETE", f"/containers/{each['Id']}?force=1")
    stand.engine.call("DELETE", f"/images/{image}?force=1")


def listed(stand: Stand, release: str) -> Any:
    return next(each for each in stand.rig.get(f"/apps/{APP}/releases") if each["id"] == release)


def push_to(stand: Stand, server: str) -> None:
    stand.rig.rack.sternway("rack", "params", "set", f"registry={server}")


def test_a_rollback_to_an_image_that_is_gone_is_refused_and_changes_nothing(stand: Stand) -> None:
    first, second = deploy(stand, "1"), deploy(stand, "2")
    stand.rig.settle(APP)
    lose_image(stand, first)
    releases = stand.rig.get(f"/apps/{APP}/releases")
    assert (listed(stand, first)["gone"], listed(stand, second)["gone"]) == (True, False)
    refused = stand.rig.call("POST", f"/apps/{APP}/releases/{first}/rollback", {})
    assert (refused.status, stand.rig.active(APP)) == (410, second)
    assert stand.rig.get(f"/apps/{APP}/releases") == releases
    assert stand.greeting() == "one"


def test_a_rollback_brings_back_from_the_registry_what_is_gone(stand: Stand, copies: Registry) -> None:
    push_to(stand, copies.server)
    first = deploy(stand, "3")
    deploy(stand, "4")
    stand.rig.settle(APP)
    lose_image(stand, first)
    with stand.visited() as visitor:
        visitor.expect(version="3")
        stand.roll_back(first)
        visitor.wait_for_expected()
    assert visitor.failures == []
    assert not listed(stand, first)["gone"]


def test_the_registry_may_be_down_for_a_rollback_to_an_image_that_is_here(stand: Stand, copies: Registry) -> None:
    push_to(stand, copies.server)
    first, second = deploy(stand, "5"), deploy(stand, "6")
    stand.rig.settle(APP)
    copies.stop()
    stand.roll_back(first)
    lose_image(stand, second)
    assert stand.rig.call("POST", f"/apps/{APP}/releases/{second}/rollback", {}).status == 410
    copies.start()
    stand.roll_back(second)
