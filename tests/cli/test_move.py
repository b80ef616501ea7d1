"""`rack update` and `rack rollback`: what is sent, what is shown, and how a move is followed."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sternway.cli import address, client, errors, move, output
from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

RUNS, TARGET, ID = "20160722051815", "20160706200033", "VABCDEFGHIJ"
UPDATING = types.System("dev", "updating", RUNS, count=3, type="t2.medium")
PAGE = (
    f"Name     dev\nStatus   updating\nVersion  {RUNS}\nCount    3\nType     t2.medium\n"
    f"\nUpdating to version: {TARGET}\n"
)
RELEASES = "GET /system/releases"


def line(status: str, **members: Any) -> types.Version:
    return types.Version(TARGET, status=status, move=ID, **members)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "LOOK_S", 0)


@pytest.fixture
def moving(rack: ScriptedRack) -> ScriptedRack:
    """A rack that takes the order, and is under way then."""
    rack.on("PUT /system", Answer())
    rack.on("GET /system", UPDATING)
    rack.on(RELEASES, [line("updating")])
    return rack


def test_an_order_is_shown_as_documented_and_not_waited_for(run: Run, moving: ScriptedRack) -> None:
    ended = run("rack", "update", TARGET)
    assert (ended.code, ended.out, ended.err) == (0, PAGE, "")
    assert moving.lines() == ["PUT /system", "GET /system"]
    assert moving.requests[0].form == {"version": TARGET, "force": "false"}


def test_everything_that_is_said_about_it_is_sent(run: Run, moving: ScriptedRack) -> None:
    run("rack", "update", TARGET, "--force", "--accept-export", "--reason", "ticket 42")
    form = {"version": TARGET, "force": "true", "accept-export": "true", "reason": "ticket 42"}
    assert moving.requests[0].form == form


@pytest.mark.parametrize(("words", "version"), [(("update",), ""), (("rollback",), "previous")])
def test_what_the_rack_has_chosen_is_shown(
    run: Run, moving: ScriptedRack, words: tuple[str, ...], version: str
) -> None:
    assert run("rack", *words).out == PAGE
    assert moving.requests[0].form["version"] == version


def test_waiting_ends_once_it_is_active(run: Run, moving: ScriptedRack) -> None:
    moving.on(RELEASES, [line("updating")], [line("updating")], [line("active")])
    ended = run("rack", "update", TARGET, "--wait")
    assert (ended.code, ended.out) == (0, f"{PAGE}Waiting until {TARGET} is active... OK\n")


def test_waiting_for_what_is_turned_back_fails_with_the_cause(run: Run, moving: ScriptedRack) -> None:
    moving.on(RELEASES, [line("updating")], [line("reverted", cause="not healthy within 60 s")])
    ended = run("rack", "rollback", "--wait")
    assert (ended.code, ended.out) == (1, f"{PAGE}Waiting until {TARGET} is active...\n")
    assert ended.err == "ERROR: reverted: not healthy within 60 s\nhint: see: sternway rack releases --all\n"


@pytest.fixture
def api(moving: ScriptedRack) -> Iterator[client.Rack]:
    with contextlib.closing(client.Rack(address.parse(moving.url), actor="x")) as opened:
        yield opened


def watch(api: client.Rack, under_way: types.Version) -> int:
    """Follow a move; return how often it was waited."""
    pauses: list[float] = []
    with output.progress(aside=True) as progress:
        move.until_ended(api, under_way, progress, pause=pauses.append)
    return len(pauses)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_router_with_nobody_behind_it_is_no_error(api: client.Rack, moving: ScriptedRack, status: int) -> None:
    moving.on(RELEASES, Answer(status, b"nobody"), Answer(status, b"nobody"), [line("active")])
    assert watch(api, line("updating")) == 2


def test_a_refusal_while_it_is_watched_is_one(api: client.Rack, moving: ScriptedRack) -> None:
    moving.on(RELEASES, refusal(401, "no"))
    with pytest.raises(errors.Refused):
        watch(api, line("updating"))


def test_a_version_that_tells_nothing_of_moves_is_asked_what_it_is(api: client.Rack, moving: ScriptedRack) -> None:
    moving.on(RELEASES, [types.Version(TARGET)])
    there = replace(UPDATING, status="running", version=TARGET)
    moving.on("GET /system", UPDATING, there)
    assert watch(api, line("updating")) == 1
    moving.on("GET /system", replace(there, version=RUNS))
    with pytest.raises(errors.CommandFailed, match=f"the rack runs {RUNS}"):
        watch(api, line("updating"))


def test_a_rack_that_keeps_no_moves_is_asked_what_it_is(api: client.Rack, moving: ScriptedRack) -> None:
    moving.on("GET /system", replace(UPDATING, status="running", version=TARGET))
    assert watch(api, types.Version(TARGET)) == 0
    assert moving.lines() == ["GET /system"]


def test_interrupting_stops_the_watching_only(api: client.Rack, moving: ScriptedRack) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with output.progress(aside=True) as progress, pytest.raises(errors.Interrupted, match="goes on in the rack"):
        move.until_ended(api, line("updating"), progress, pause=interrupted)


def test_it_is_not_followed_for_ever(api: client.Rack, moving: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "LIMIT_S", -1)
    with pytest.raises(errors.CommandFailed, match="timeout"):
        watch(api, line("updating"))


def test_a_look_says_what_was_found_and_moves_nothing(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system/update", [types.Check("launcher", "it can move this rack"), types.Check("yanked", "no")])
    ended = run("rack", "update", TARGET, "--dry-run", "--accept-export")
    assert (ended.code, ended.out) == (
        0,
        "CHECK     RESULT  FOUND\nlauncher  ok      it can move this rack\nyanked    ok      no\n",
    )
    assert rack.lines() == ["GET /system/update"]
    assert rack.requests[0].query == {"version": TARGET, "force": "false", "accept-export": "true"}


def test_a_look_at_what_would_not_work_fails(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system/update", [types.Check("yanked", "it was yanked: loses logs", ok=False, hint="--force")])
    ended = run("rack", "rollback", "--dry-run")
    assert (ended.code, ended.out) == (1, "CHECK   RESULT  FOUND\nyanked  no      it was yanked: loses logs\n")
    assert ended.err == "ERROR: it would not work: it was yanked: loses logs\nhint: --force\n"


@pytest.mark.parametrize("words", [("update", TARGET), ("update", TARGET, "--dry-run"), ("rollback", "--dry-run")])
def test_a_rack_that_cannot_move_says_so_and_is_told_to_do_nothing(
    run: Run, rack: ScriptedRack, words: tuple[str, ...]
) -> None:
    ended = run("rack", *words)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("ERROR: this rack cannot move to another version yet\n")
    assert not ("--dry-run" in words and "PUT /system" in rack.lines())


STRANDED = refusal(403, "it cannot hold some rows: 2 of logins", "rows-stranded", "--accept-export")


def test_rows_that_would_be_taken_out_are_asked_about(
    run: Run, moving: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    moving.on("PUT /system", STRANDED, Answer())
    ended = run("rack", "update", TARGET)
    assert (ended.code, ended.out) == (0, PAGE)
    assert ended.err == "it cannot hold some rows: 2 of logins\n"
    assert [request.form.get("accept-export") for request in moving.requests[:2]] == [None, "true"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_rows_that_nobody_gives_up_stay(
    run: Run, moving: ScriptedRack, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: is_terminal)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    moving.on("PUT /system", STRANDED)
    ended = run("rack", "update", TARGET)
    assert (ended.code, ended.out) == (1, "")
    assert "hint: --accept-export\n" in ended.err
    assert moving.lines() == ["PUT /system"]
