"""A whole rack over Podman: it speaks the API of Docker, where it is installed."""

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest

from scripts.faults import deeds
from scripts.faults.deeds import APP, HOST
from scripts.faults.rig import wait_for
from tests.engines.conftest import unless_on_ci
from tests.engines.docker import podman
from tests.faults.docker.stand import Stand

BASE = "sternway-busybox"
MANIFEST = """
environment: [GREETING]
services:
  web: {build: ., command: sh /run.sh, port: 3000, health: /}
"""
DOCKERFILE = f"FROM {BASE}\nRUN --mount=type=tmpfs,target=/x true\nCOPY run.sh /\n"
RUN = "echo it serves {version}; echo {version} of {mark} >/tmp/index.html; exec httpd -f -p $PORT -h /tmp\n"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def stand(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> Iterator[Stand]:
    if problem := podman.obstacle():
        unless_on_ci(problem)
    directory = tmp_path_factory.mktemp("podman")
    with podman.running() as address:
        podman.take_image(BASE, docker_host, address)
        with Stand(directory, address).running() as stand:
            yield stand


def deploy(stand: Stand, version: str) -> str:
    run = RUN.format(version=version, mark=stand.rig.mark)
    files = {"convox.yml": MANIFEST, "Dockerfile": DOCKERFILE, "run.sh": run}
    return stand.deploy(deeds.packed({name: text.encode() for name, text in files.items()}))


def page(stand: Stand) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", stand.rig.rack.router_port, timeout=10)) as connection:
        connection.request("GET", "/", headers={"Host": HOST})
        return connection.getresponse().read().decode().split(" ")[0]


def test_an_app_is_deployed_gone_back_with_read_and_entered(stand: Stand) -> None:
    first, second = deploy(stand, "one"), deploy(stand, "two")
    assert (stand.rig.active(APP), page(stand)) == (second, "two")
    stand.roll_back(first)
    assert page(stand) == "one"
    stand.rig.settle(APP)
    [process] = stand.processes()
    rack = stand.rig.rack
    wait_for(lambda: "it serves one" in rack.sternway("logs", "-a", APP, "--no-follow", "--since", "1h"))
    entered = rack.sternway("exec", "-a", APP, process["id"], "cat /tmp/index.html")
    assert entered.split() == ["one", "of", stand.rig.mark]
    assert wait_for(lambda: stand.processes()[0]["memory"]) > 0
