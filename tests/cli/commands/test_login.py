import io
import os
import stat
from pathlib import Path

import pytest

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

SYSTEM = types.System("dev", "running", "20260102030405")


@pytest.fixture
def host(rack: ScriptedRack, folder: Path) -> str:
    rack.on("GET /auth", Answer())
    rack.on("GET /system", SYSTEM)
    rack.on("GET /apps", [])
    return f"http://127.0.0.1:{rack.port}"


def saved(tmp_path: Path, name: str) -> Path:
    return tmp_path / "config" / "sternway" / "racks" / name


def test_rack_is_saved_for_its_owner_alone_and_chosen(
    run_alone: Run, rack: ScriptedRack, host: str, tmp_path: Path
) -> None:
    ended = run_alone("login", host, "-t", "secret")
    assert (ended.code, ended.out, ended.err) == (0, f"Logging in to {host}... OK, dev\n", "")
    assert saved(tmp_path, "dev").read_text() == f"http://convox:secret@127.0.0.1:{rack.port}\n"
    assert stat.S_IMODE(saved(tmp_path, "dev").stat().st_mode) == 0o600
    assert stat.S_IMODE(saved(tmp_path, "dev").parent.parent.stat().st_mode) == 0o700
    assert run_alone("switch").out == "dev\n"
    assert run_alone("apps").code == 0
    assert rack.requests[-1].headers["Authorization"] == rack.requests[0].headers["Authorization"]


def test_file_that_others_could_read_is_closed_to_them(run_alone: Run, host: str, tmp_path: Path) -> None:
    saved(tmp_path, "dev").parent.mkdir(parents=True)
    saved(tmp_path, "dev").write_text("http://old")
    saved(tmp_path, "dev").chmod(0o644)
    run_alone("login", host, "-t", "secret")
    assert stat.S_IMODE(saved(tmp_path, "dev").stat().st_mode) == 0o600
    assert os.listdir(saved(tmp_path, "dev").parent) == ["dev"]


def test_url_with_a_password_needs_no_other(run_alone: Run, rack: ScriptedRack, host: str, tmp_path: Path) -> None:
    assert run_alone("login", rack.url, "--name", "staging").code == 0
    assert saved(tmp_path, "staging").read_text() == f"{rack.url}\n"


def test_password_comes_from_a_pipe_when_asked_for(
    run_alone: Run, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert run_alone("login", host, "-p").code == 0
    assert "convox:secret@" in saved(tmp_path, "dev").read_text()


def test_deploy_key_of_the_environment_is_a_password(
    run_alone: Run, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVOX_PASSWORD", "key")
    assert run_alone("login", host).code == 0
    assert "convox:key@" in saved(tmp_path, "dev").read_text()


def test_wrong_password_saves_nothing(run_alone: Run, rack: ScriptedRack, host: str, tmp_path: Path) -> None:
    rack.on("GET /auth", refusal(401, "invalid authentication"))
    ended = run_alone("login", host, "-t", "wrong")
    assert (ended.code, ended.err.splitlines()[0]) == (1, "ERROR: the rack does not take this password")
    assert not saved(tmp_path, "dev").exists()


def test_without_a_password_it_says_how_to_give_one(run_alone: Run, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for words in (("login", host), ("login", host, "-p")):
        ended = run_alone(*words)
        assert (ended.code, "hint: give it with -t" in ended.err) == (2, True)


@pytest.mark.parametrize("password", ["a/b", "a b", "a@b", "caf\u00e9"])
def test_password_that_a_url_cannot_carry_is_not_sent(
    run_alone: Run, rack: ScriptedRack, host: str, password: str
) -> None:
    ended = run_alone("login", host, "-t", password)
    assert (ended.code, password in ended.err, rack.requests) == (2, False, [])


def test_rack_with_a_hostile_name_needs_another(run_alone: Run, rack: ScriptedRack, host: str) -> None:
    rack.on("GET /system", types.System("../../x", "running", "1"))
    ended = run_alone("login", host, "-t", "secret")
    assert (ended.code, ended.err.splitlines()[-1]) == (2, "hint: name it with --name")


def test_login_says_when_rack_url_goes_on_choosing(run: Run, rack: ScriptedRack, host: str) -> None:
    assert run("login", host, "-t", "secret").err == "note: RACK_URL is set, and goes on choosing the rack\n"
