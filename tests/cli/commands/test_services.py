import pytest

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack

WEB = types.Service("web", "web.shop.local", count=2, cpu=250, memory=512, ports=[types.ServicePort(80, 3000)])
WORKER = types.Service("worker")


@pytest.fixture
def shop(rack: ScriptedRack) -> ScriptedRack:
    rack.on("GET /apps/shop/services", [WEB, WORKER])
    rack.on("GET /apps/shop/processes", [types.Process("web-1", "shop", "web", "running")])
    for name in ("web", "worker"):
        rack.on(f"POST /apps/shop/services/{name}/restart", Answer())
    rack.on("PUT /apps/shop/services/web", Answer())
    return rack


def test_list_has_hosts_and_ports(run: Run, shop: ScriptedRack) -> None:
    expected = "SERVICE  DOMAIN          PORTS\nweb      web.shop.local  80:3000\nworker\n"
    assert run("services").out == expected


def test_scale_shows_what_is_wanted_and_what_runs(run: Run, shop: ScriptedRack) -> None:
    assert run("scale", "web").out == "SERVICE  DESIRED  RUNNING  CPU  MEMORY\nweb      2        1        250  512\n"
    assert run("scale", "absent").code == 3


def test_scale_sends_what_is_given(run: Run, shop: ScriptedRack) -> None:
    assert run("scale", "web", "--count", "0").out == "Scaling web... OK\n"
    assert shop.request("PUT /apps/shop/services/web").form == {"count": "0"}
    assert run("scale", "--count", "3").code == 2


def test_restart_takes_every_service(run: Run, shop: ScriptedRack) -> None:
    assert run("restart").out == "Restarting web... OK\nRestarting worker... OK\n"
    assert run("services", "restart", "web").out == "Restarting web... OK\n"
