import io

import pytest

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

USERS = [types.User("ada", "rwa", status="active"), types.User("bob", "rw", ["blog", "shop"], "invited")]
INVITED = types.User("bob", "rw", ["shop"], "invited", invitation="invite-00ff-bob")
PASSWORD = "p@ss/word 1"


def stdin(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize("command", [("users",), ("users", "list")])
def test_users_are_listed(run: Run, rack: ScriptedRack, command: tuple[str, ...]) -> None:
    rack.on("GET /users", USERS)
    assert run(*command).out.splitlines() == [
        "NAME  ROLE  APPS               STATUS",
        "ada   rwa   all, and the rack  active",
        "bob   rw    blog, shop         invited",
    ]


def test_user_is_added_and_the_invitation_alone_is_on_stdout(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /users", INVITED)
    ended = run("users", "add", "bob", "--role", "rw", "-a", "shop", "--app", "blog")
    assert (ended.code, ended.out) == (0, "invite-00ff-bob\n")
    assert "sternway users accept http://127.0.0.1" in ended.err
    assert rack.request("POST /users").form == {"name": "bob", "role": "rw", "apps": "shop,blog"}


def test_user_is_invited_again(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /users/bob/invitation", INVITED)
    assert run("users", "invite", "bob").out == "invite-00ff-bob\n"


def test_role_is_set_as_a_whole(run: Run, rack: ScriptedRack) -> None:
    rack.on("PUT /users/bob", USERS[1])
    assert run("users", "role", "bob", "rwa", "--reason", "lead").out == "Setting the role of bob... OK\n"
    assert rack.request("PUT /users/bob").form == {"role": "rwa", "reason": "lead"}
    assert run("users", "role", "bob", "root").code == 2


def test_user_is_removed(run: Run, rack: ScriptedRack) -> None:
    rack.on("DELETE /users/ada%40example.com", Answer())
    assert run("users", "remove", "ada@example.com").out == "Removing user ada@example.com... OK\n"


def test_user_who_is_not_there_is_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on("DELETE /users/eve", refusal(404, "user not found: eve", "not-found", "see them"))
    assert run("users", "remove", "eve").code == 3


def test_rack_says_who_one_is(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /who", types.Who("token:ci", "rw", ["shop"]))
    assert "token:ci" in run("users", "me").out


def test_password_is_read_from_stdin_and_never_shown(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    rack.on("PUT /who/password", Answer())
    stdin(monkeypatch, "the old one", PASSWORD)
    ended = run("users", "password")
    assert rack.request("PUT /who/password").form == {"old": "the old one", "new": PASSWORD}
    assert PASSWORD not in ended.out + ended.err


def test_password_is_asked_for_twice_without_echo_on_a_terminal(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def prompt(text: str, **how: object) -> str:
        asked.append((text, how["hide_input"], how["confirmation_prompt"]))
        return PASSWORD

    rack.on("PUT /who/password", Answer())
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("click.prompt", prompt)
    assert run("users", "password").code == 0
    assert asked == [("Password", True, False), ("New password", True, True)]


def test_nothing_is_sent_without_a_password(run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, "the old one")
    assert run("users", "password").code == 2
    assert rack.requests == []


def test_invitation_is_accepted_and_the_rack_is_saved_for_its_user(
    run_alone: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    rack.on("POST /invitations/accept", types.Who("ada@example.com", "rw"))
    rack.on("GET /auth", Answer())
    rack.on("GET /system", types.System(name="prod", status="running", version="1"))
    host = rack.url.rpartition("@")[2].rpartition("//")[2]
    stdin(monkeypatch, "invite-00ff-ada@example.com", PASSWORD)
    ended = run_alone("users", "accept", f"http://{host}")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("OK, prod\n")
    accepted = rack.request("POST /invitations/accept")
    assert accepted.form == {"invitation": "invite-00ff-ada@example.com", "password": PASSWORD}
    assert "authorization" not in {name.lower() for name in accepted.headers}
    assert PASSWORD not in ended.out
    rack.on("GET /users", USERS)
    assert run_alone("users").code == 0
