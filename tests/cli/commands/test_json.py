"""Every command that prints data prints the objects of the API with --json."""

import json
from typing import Any

import pytest

from sternway.wire import types
from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import ScriptedRack

APP, SYSTEM = samples.app(), types.System("dev", "running", "20260102030405")
BUILD, PROCESS = types.Build("B1", "shop", "complete"), types.Process("web-1", "shop", "web", "running")
RELEASE, SERVICE = types.Release("R1", "shop", env="A=1"), types.Service("web")

COMMANDS: list[tuple[str, str, Any]] = [
    ("apps", "/apps", [APP]),
    ("apps info", "/apps/shop", APP),
    ("builds", "/apps/shop/builds", [BUILD]),
    ("builds info B1", "/apps/shop/builds/B1", BUILD),
    ("ps", "/apps/shop/processes", [PROCESS]),
    ("ps info web-1", "/apps/shop/processes/web-1", PROCESS),
    ("rack", "/system", SYSTEM),
    ("rack ps", "/system/processes", [PROCESS]),
    ("rack releases", "/system/releases", [types.Version("20260102030405", status="active")]),
    ("registries", "/registries", [types.Registry("registry.example", "ada")]),
    ("releases", "/apps/shop/releases", [RELEASE]),
    ("releases info R1", "/apps/shop/releases/R1", RELEASE),
    ("scale", "/apps/shop/services", [SERVICE]),
    ("services", "/apps/shop/services", [SERVICE]),
]


@pytest.mark.parametrize(("command", "path", "value"), COMMANDS, ids=[command for command, _, _ in COMMANDS])
def test_json_is_what_the_rack_answered(run: Run, rack: ScriptedRack, command: str, path: str, value: Any) -> None:
    rack.on("GET /apps/shop", APP)
    rack.on(f"GET {path}", value)
    ended = run(*command.split(), "--json")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == json.loads(rack.answer(f"GET {path}").content)
