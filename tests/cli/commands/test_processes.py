from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack

WEB = types.Process("web-1", "shop", "web", "running", release="R1", command="bin/web")


def test_list_has_the_documented_columns(run: Run, rack: ScriptedRack) -> None:
    started = datetime.now(UTC) - timedelta(minutes=5, seconds=1)
    rack.on("GET /apps/shop/processes", [replace(WEB, started=started)])
    assert run("ps", "-s", "web").out == (
        "ID     SERVICE  STATUS   RELEASE  STARTED        COMMAND\n"
        "web-1  web      running  R1       5 minutes ago  bin/web\n"
    )
    assert rack.requests[0].query == {"service": "web"}


def test_list_shows_use_where_it_is_known(run: Run, rack: ScriptedRack) -> None:
    idle = replace(WEB, id="web-2", command="bin/web --idle")
    rack.on("GET /apps/shop/processes", [replace(WEB, cpu=0.254, memory=63.7), idle])
    assert run("ps").out == (
        "ID     SERVICE  STATUS   RELEASE  STARTED  CPU   MEM  COMMAND\n"
        "web-1  web      running  R1                0.25  64   bin/web\n"
        "web-2  web      running  R1                           bin/web --idle\n"
    )
    rack.on("GET /apps/shop/processes/web-1", replace(WEB, cpu=0.254, memory=63.7))
    assert "Cpu      0.25\nMemory   64 MiB\n" in run("ps", "info", "web-1").out


def test_info_and_stop_take_an_id(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/processes/web-1", WEB)
    rack.on("DELETE /apps/shop/processes/web-1", Answer())
    assert "Status   running\n" in run("ps", "info", "web-1").out
    assert run("ps", "stop", "web-1").out == "Stopping web-1... OK\n"


def test_json_holds_the_objects(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/processes", [WEB])
    assert '"command": "bin/web"' in run("ps", "--json").out
