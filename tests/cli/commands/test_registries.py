import io

import pytest

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

LOGINS = [types.Registry("docker.io", "deploy"), types.Registry("registry.example:5000", "ada")]
SECRET = "correct-horse"


def test_logins_are_listed_without_their_passwords(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /registries", LOGINS)
    assert run("registries").out == (
        "SERVER                 USERNAME\ndocker.io              deploy\nregistry.example:5000  ada\n"
    )


def test_typed_password_is_sent_and_not_shown(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /registries", LOGINS[0])
    ended = run("registries", "add", "docker.io", "deploy", SECRET, "--reason", "moved")
    assert (ended.code, ended.out, ended.err) == (0, "Adding registry docker.io... OK\n", "")
    sent = {"server": "docker.io", "username": "deploy", "password": SECRET, "reason": "moved"}
    assert rack.request("POST /registries").form == sent


def test_dash_reads_the_password_from_stdin(run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    rack.on("POST /registries", LOGINS[0])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET} with spaces \nrest\n"))
    assert run("registries", "add", "docker.io", "deploy", "-").code == 0
    assert rack.request("POST /registries").form["password"] == f"{SECRET} with spaces "


def test_password_is_asked_for_without_echo_on_a_terminal(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def prompt(text: str, **how: object) -> str:
        asked.append((text, how))
        return SECRET

    rack.on("POST /registries", LOGINS[0])
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("click.prompt", prompt)
    ended = run("registries", "add", "docker.io", "deploy")
    assert asked == [("Password", {"hide_input": True, "err": True})]
    assert rack.request("POST /registries").form["password"] == SECRET
    assert SECRET not in ended.out + ended.err


@pytest.mark.parametrize(("words", "message"), [((), "is given"), (("-",), "came from stdin")])
def test_nothing_is_sent_without_a_password(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ended = run("registries", "add", "docker.io", "deploy", *words)
    assert (ended.code, ended.err.splitlines()[0]) == (2, f"ERROR: no password {message}")
    assert rack.requests == []


def test_login_is_removed_by_its_server(run: Run, rack: ScriptedRack) -> None:
    rack.on("DELETE /registries/registry.example%3A5000", Answer())
    assert run("registries", "remove", "registry.example:5000").out == "Removing registry registry.example:5000... OK\n"


def test_login_that_is_not_there_is_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on("DELETE /registries/docker.io", refusal(404, "registry not found: docker.io", "not-found", "see them"))
    ended = run("registries", "remove", "docker.io")
    assert (ended.code, ended.err) == (3, "ERROR: registry not found: docker.io\nhint: see them\n")
