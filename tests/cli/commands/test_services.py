from datetime import UTC, datetime

import pytest

from sternway.cli import follow
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


def test_scale_waits_when_asked_until_as_many_run(
    run: Run, shop: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    one, two = process("web-1", 1), process("web-2", 2)
    starting = types.Process("web-2", "shop", "web", "starting")
    shop.on("GET /apps/shop/processes", [one], [one, starting], [one, two])
    assert run("scale", "web", "--count", "2", "-w").code == 0
    assert shop.lines().count("GET /apps/shop/processes") == 3


def test_scale_does_not_wait_for_what_stands_by(run: Run, shop: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    standby = types.Process("web-9", "shop", "web", "standby")
    shop.on("GET /apps/shop/processes", [process("web-1", 1), process("web-2", 1), standby])
    assert run("scale", "web", "--count", "2", "-w").code == 0


def test_restart_waits_when_asked_until_none_of_the_old_runs(
    run: Run, shop: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    old, new = [process("web-1", 1), process("web-2", 1)], [process("web-1", 2), process("web-2", 2)]
    shop.on("GET /apps/shop/processes", old, old, [new[0], old[1]], new)
    assert run("services", "restart", "web", "--wait").out == "Restarting web... OK\n"
    assert shop.lines().count("GET /apps/shop/processes") == 4


def process(process_id: str, second: int) -> types.Process:
    started = datetime(2026, 5, 4, 10, 0, second, tzinfo=UTC)
    return types.Process(process_id, "shop", "web", "running", started=started)
