import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack

NEW = "RAXHPJHSWZO"


@pytest.fixture
def shop(rack: ScriptedRack) -> ScriptedRack:
    rack.on("GET /apps/shop/releases", [samples.release("R1")])
    rack.on("GET /apps/shop/releases/R1", samples.release("R1", env="B=x=y\nA=1"))
    rack.on("POST /apps/shop/releases", samples.release(NEW))
    return rack


def test_environment_is_sorted(run: Run, shop: ScriptedRack) -> None:
    assert run("env").out == "A=1\nB=x=y\n"
    assert run("env", "--json").out == '{\n  "A": "1",\n  "B": "x=y"\n}\n'


def test_app_without_releases_has_an_empty_environment(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/releases", [])
    assert run("env").out == ""


def test_get_prints_one_value(run: Run, shop: ScriptedRack) -> None:
    assert run("env", "get", "B").out == "x=y\n"
    assert run("env", "get", "C").code == 3


def test_set_adds_to_the_newest_release(run: Run, shop: ScriptedRack) -> None:
    assert run("env", "set", "C=3", "A=", "--reason", "why").out == f"Setting C, A... OK\nRelease: {NEW}\n"
    assert shop.request("POST /apps/shop/releases").form == {"env": "A=\nB=x=y\nC=3", "reason": "why"}


def test_set_with_replace_keeps_nothing_else(run: Run, shop: ScriptedRack) -> None:
    assert run("env", "set", "C=3", "--replace", "--id").out == NEW
    assert shop.request("POST /apps/shop/releases").form == {"env": "C=3"}


def test_set_with_promote_follows_the_promotion(run: Run, shop: ScriptedRack) -> None:
    shop.on("GET /apps/shop", samples.app())
    shop.on(f"POST /apps/shop/releases/{NEW}/promote", Answer())
    shop.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    shop.on("GET /apps/shop/promotions/7", samples.promotion(NEW, "completed"))
    ended = run("env", "set", "C=3", "-p")
    assert ended.out == f"Setting C... OK\nRelease: {NEW}\nPromoting {NEW}... OK\n"


def test_unset_removes(run: Run, shop: ScriptedRack) -> None:
    assert run("env", "unset", "A").out == f"Unsetting A... OK\nRelease: {NEW}\n"
    assert shop.request("POST /apps/shop/releases").form == {"env": "B=x=y"}


@pytest.mark.parametrize("pair", ["SECRET", "=SECRET", "A=SECRET\nB"])
def test_what_is_no_pair_is_refused_and_not_repeated(run: Run, shop: ScriptedRack, pair: str) -> None:
    ended = run("env", "set", pair)
    assert ended.code == 2
    assert "SECRET" not in ended.err
    assert not shop.requests


def test_lines_from_a_pipe_are_set(shop: ScriptedRack, folder: Path) -> None:
    environ = os.environ | {"RACK_URL": shop.url}
    command = [sys.executable, "-m", "sternway.cli.main", "env", "set", "--replace", "--id"]
    piped = b"# mine\n\nC=3\r\nD=#4\n"
    done = subprocess.run(command, input=piped, env=environ, capture_output=True, timeout=30, check=True)
    assert done.stdout.decode() == NEW
    assert shop.request("POST /apps/shop/releases").form == {"env": "C=3\nD=#4"}


def test_edit_takes_what_the_editor_left(run: Run, shop: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/1/2/")
    assert run("env", "edit").code == 0
    assert shop.request("POST /apps/shop/releases").form == {"env": "A=2\nB=x=y"}


def test_edit_without_a_change_makes_no_release(run: Run, shop: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    assert run("env", "edit").err == "Nothing was changed.\n"
    assert "POST /apps/shop/releases" not in shop.lines()


def test_pipe_that_stays_open_is_told_of(shop: ScriptedRack, folder: Path) -> None:
    environ = os.environ | {"RACK_URL": shop.url}
    command = [sys.executable, "-m", "sternway.cli.main", "env", "set", "--id"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"Reading NAME=VALUE lines from stdin")
        out, _ = process.communicate(b"C=3\n", timeout=30)
    assert out.decode() == NEW


def test_stdin_is_left_alone_when_variables_are_named(shop: ScriptedRack, folder: Path) -> None:
    environ = os.environ | {"RACK_URL": shop.url}
    command = [sys.executable, "-m", "sternway.cli.main", "env", "set", "C=3", "--id"]
    piped = b"rest of a script\n"
    done = subprocess.run(command, input=piped, env=environ, capture_output=True, timeout=30, check=True)
    assert done.stdout.decode() == NEW


def test_unset_of_what_is_not_set_makes_no_release(run: Run, shop: ScriptedRack) -> None:
    ended = run("env", "unset", "C")
    assert (ended.code, ended.out, ended.err) == (0, "", "C is not set.\n")
    assert "POST /apps/shop/releases" not in shop.lines()
    assert run("env", "unset", "C", "A").code == 0
    assert shop.request("POST /apps/shop/releases").form == {"env": "B=x=y"}
