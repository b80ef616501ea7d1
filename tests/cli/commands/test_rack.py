import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sternway.wire import types
from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack

RUNS, OLDER = "20160722051815", "20160706200033"
PAGE = {
    RUNS: timedelta(days=6),
    "20160720211125": timedelta(days=6),
    "20160712212601": timedelta(days=8),
    OLDER: timedelta(days=15),
    "20160627075406-mountable-volumes": timedelta(days=31),
    "20160528002649": timedelta(days=61),
    "20160415002713-proxy-labels": timedelta(days=99),
}
SYSTEM = types.System(
    "dev", "running", "20160722051815", provider="local", domain="apps.local", count=3, type="t2.medium"
)


def version(name: str, *, age: timedelta, **members: str) -> types.Version:
    return types.Version(name, created=datetime.now(UTC) - age - timedelta(seconds=1), **members)


def test_rack_leaves_out_what_has_no_value(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system", SYSTEM)
    assert run("rack").out == (
        "Name      dev\nProvider  local\nRouter    apps.local\nStatus    running\nVersion   20160722051815\n"
    )


def test_versions_look_as_documented(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system", SYSTEM)
    listed = [
        samples.release("20160722051815", age=timedelta(days=6)),
        samples.release("20160627075406-mountable-volumes", age=timedelta(days=31)),
    ]
    rack.on("GET /system/releases", listed)
    assert run("rack", "releases").out == (
        "VERSION                           UPDATED      STATUS\n"
        "20160722051815                    6 days ago   active\n"
        "20160627075406-mountable-volumes  1 month ago\n"
    )


def test_update_looks_as_documented(run: Run, rack: ScriptedRack) -> None:
    updating = types.System("dev", "updating", "20160722051815", count=3, type="t2.medium")
    rack.on("PUT /system", Answer())
    rack.on("GET /system", updating)
    assert run("rack", "update", "20160706200033").out == (
        "Name     dev\nStatus   updating\nVersion  20160722051815\nCount    3\nType     t2.medium\n"
        "\nUpdating to version: 20160706200033\n"
    )
    assert rack.request("PUT /system").form == {"version": "20160706200033", "force": "false"}


def test_versions_are_listed_byte_for_byte_as_documented(run: Run, rack: ScriptedRack) -> None:
    listed = [version(name, age=age, status="active" if name == RUNS else "") for name, age in PAGE.items()]
    rack.on("GET /system/releases", listed)
    assert run("rack", "releases").out == (
        "VERSION                           UPDATED       STATUS\n"
        "20160722051815                    6 days ago    active\n"
        "20160720211125                    6 days ago\n"
        "20160712212601                    1 week ago\n"
        "20160706200033                    2 weeks ago\n"
        "20160627075406-mountable-volumes  1 month ago\n"
        "20160528002649                    2 months ago\n"
        "20160415002713-proxy-labels       3 months ago\n"
    )
    assert rack.lines() == ["GET /system/releases"]


def test_a_version_that_is_active_again_is_marked_once(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system", SYSTEM)
    ages = {"days": 1}, {"days": 2}, {"days": 3}
    names = RUNS, OLDER, RUNS
    rack.on(
        "GET /system/releases",
        [samples.release(name, age=timedelta(**age)) for name, age in zip(names, ages, strict=True)],
    )
    assert run("rack", "releases").out.count("active") == 1


def test_attempts_are_listed_with_their_cause_when_asked_for(run: Run, rack: ScriptedRack) -> None:
    tried = version("20160801000000", age=timedelta(days=1), status="reverted", cause="not healthy within 60 s")
    rack.on("GET /system/releases", [tried, version(RUNS, age=timedelta(days=6), status="active")])
    assert run("rack", "releases", "--all").out == (
        "VERSION         UPDATED     STATUS    CAUSE\n"
        "20160801000000  1 day ago   reverted  not healthy within 60 s\n"
        "20160722051815  6 days ago  active\n"
    )
    assert rack.requests[0].query == {"all": "true"}


def test_processes_of_the_rack_are_listed(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system/processes", [types.Process("api-1", "rack", "api", "running")])
    assert "api-1  api      running" in run("rack", "ps", "-a").out
    assert rack.requests[0].query == {"all": "true"}


def test_saved_racks_are_listed_without_their_passwords(run_alone: Run, tmp_path: Path) -> None:
    racks = tmp_path / "config" / "convox" / "racks"
    racks.mkdir(parents=True)
    (racks / "dev").write_text("https://u:secret@dev.example:5443")
    (racks / "prod").write_text("https://u:secret@prod.example")
    assert run_alone("switch", "dev").out == "Switched to dev\n"
    assert run_alone("switch").out == "dev\n"
    assert run_alone("racks").out == (
        "NAME  ADDRESS                   STATUS\ndev   https://dev.example:5443  current\nprod  https://prod.example\n"
    )


@pytest.mark.parametrize("path", ["/apps", "apps"])
def test_api_get_prints_what_is_there(run: Run, rack: ScriptedRack, path: str) -> None:
    rack.on("GET /apps", Answer(200, b"[]\n", "application/json"))
    assert run("api", "get", path).out == "[]\n"


def test_rack_that_cannot_move_says_so(run: Run, rack: ScriptedRack) -> None:
    ended = run("rack", "update", "20160706200033")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "ERROR: this rack cannot move to another version yet\nhint: see the one it runs: sternway rack releases\n"
    )


def test_nothing_saved_says_how_to_save(run_alone: Run) -> None:
    ended = run_alone("racks")
    assert (ended.code, ended.out.split()) == (0, ["NAME", "ADDRESS", "STATUS"])
    assert "sternway login HOST" in ended.err


def test_problems_of_the_rack_are_warned_of_beside_what_it_is(run: Run, rack: ScriptedRack) -> None:
    problems = ["engine: the Docker engine does not answer"]
    rack.on("GET /system", types.System("dev", "running", "20160722051815", problems=problems))
    ended = run("rack")
    assert (ended.code, ended.err) == (0, "WARNING: engine: the Docker engine does not answer\n")
    assert "does not answer" not in ended.out


def test_parameters_are_listed(run: Run, rack: ScriptedRack) -> None:
    parameters = {"registry": "registry.example/apps", "other": ""}
    rack.on("GET /system", types.System("dev", "running", "20160722051815", parameters=parameters))
    assert run("rack", "params").out == "NAME      VALUE\nother\nregistry  registry.example/apps\n"
    assert json.loads(run("rack", "params", "--json").out) == parameters


def test_parameters_are_set_together(run: Run, rack: ScriptedRack) -> None:
    rack.on("PUT /system", Answer())
    ended = run("rack", "params", "set", "registry=registry.example/a=b", "other=", "--reason", "moved")
    assert (ended.code, ended.out) == (0, "Setting registry, other... OK\n")
    sent = {"parameters": "registry=registry.example%2Fa%3Db&other=", "reason": "moved"}
    assert rack.request("PUT /system").form == sent


def test_parameter_without_a_value_is_mistyped(run: Run, rack: ScriptedRack) -> None:
    ended = run("rack", "params", "set", "registry")
    assert (ended.code, ended.err.splitlines()[0], rack.requests) == (2, "ERROR: not NAME=VALUE: registry", [])
