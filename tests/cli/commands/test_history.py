"""`releases diff`, `releases rollback --dry-run` and `--to`, `history`, `apps restore`, and who is asked why."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sternway.wire import types
from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

OLD, NEW, COPY = "RHKOIXXVDMJ", "RAXHPJHSWZO", "RPQXVNXFGXU"
AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def diff(**members: Any) -> types.Diff:
    before = types.DiffSide(OLD, created=AT, author="ann", build="B1", files=2, size=1500, git_sha="0123456789abcdef")
    before = replace(before, artifacts=[types.Size("web", 1500)])
    after = types.DiffSide(
        NEW, "env add:A", created=AT, author="bob", build="B2", files=1, size=999, build_description="Faster"
    )
    after = replace(after, artifacts=[types.Size("web", -1), types.Size("worker", 20_000_000)])
    return types.Diff("shop", before, after, **members)


FULL = diff(
    environment=[types.Change("A", "added"), types.Change("B", "changed", "1", "2")],
    manifest=[types.Change("services.web.scale.count.min", "changed", "1", "2")],
    manifest_text="--- a\n+++ b\n",
    services=[types.Change("web", "changed", "x", "y")],
    files=[types.Change("app.py", "changed", "1 B", "2 B"), types.Change("gone.py", "removed", "3 B")],
    settings=[types.Change("lock", "changed", "no", "yes")],
)


def preview(**members: Any) -> types.Preview:
    checks = [types.Finding("artifacts", "ok", "all 2 are there and intact")]
    given: dict[str, Any] = {"works": True, "checks": checks, "stays": ["volume /data of web"], "diff": FULL}
    return types.Preview("shop", OLD, description=f"rollback to {OLD}", **{**given, **members})


def test_diff_looks_as_documented(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/diff", FULL)
    assert run("releases", "diff").out == (
        f"--- {OLD}  2026-11-20 14:05:00  ann\n"
        f"+++ {NEW}  2026-11-20 14:05:00  bob  env add:A\n"
        "\nEnvironment\n  + A\n  ~ B: 1 -> 2\n"
        "\nManifest\n  ~ services.web.scale.count.min: 1 -> 2\n"
        "\nBuild\n  ~ B1 -> B2\n  ~ commit: 0123456789 -> unknown Faster\n  ~ other artifacts of: web\n"
        "  artifact of web: 1.5 kB -> -\n  artifact of worker: - -> 20.0 MB\n"
        "  source: 2 files, 1.5 kB -> 1 files, 999 B\n  ~ app.py: 1 B -> 2 B\n  - gone.py: 3 B\n"
        "\nSettings\n  ~ lock: no -> yes\n"
    )
    assert rack.request("GET /apps/shop/diff").query == {}


def test_diff_names_two_releases(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/diff", diff(same=True))
    assert run("releases", "diff", OLD, NEW).out.endswith("They have the same content.\n")
    assert rack.request("GET /apps/shop/diff").query == {"a": OLD, "b": NEW}


def test_diff_of_manifests_is_their_texts_alone(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/diff", FULL)
    assert run("releases", "diff", "--manifest").out == "--- a\n+++ b\n"


def test_diff_reveals_values_by_a_change_with_a_reason(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /apps/shop/diff", FULL)
    assert run("releases", "diff", OLD, "--reveal", "--reason", "incident").code == 0
    assert rack.request("POST /apps/shop/diff").form == {"a": OLD, "reason": "incident"}


def test_dry_run_says_that_it_would_work_and_what_stays(run: Run, rack: ScriptedRack) -> None:
    services = [types.Outlook("web", 2, 2), types.Outlook("worker", 1, 0)]
    rack.on(
        f"GET /apps/shop/releases/{OLD}/preview", preview(standby="no", expected=1.234, measured=3, services=services)
    )
    ended = run("releases", "rollback", OLD, "--dry-run")
    assert ended.code == 0
    assert ended.out.startswith(f"This would work: rollback to {OLD}\n\nCHECK ")
    assert "Services    web: 2 wanted, 2 there\n            worker: 1 wanted, 0 there\n" in ended.out
    assert "Expected    1.23 s, the median of 3 such promotions of this app\n" in ended.out
    assert "\nWhat does not come back:\n  volume /data of web\n" in ended.out
    assert "\nEnvironment\n  + A\n" in ended.out


def test_dry_run_tells_what_runs_from_what_runs_on_request(run: Run, rack: ScriptedRack) -> None:
    told = (("rollback", NEW, "undo"), ("release", OLD, "migrate"))
    commands = [types.CommandAhead(kind, "web", release, text) for kind, release, text in told]
    rack.on(f"GET /apps/shop/releases/{OLD}/preview", preview(commands=commands))
    undo, migrate = (f"  {each.kind} command of web ({each.release}): {each.command}\n" for each in commands)
    before = "\nWhat runs before anything is started:\n"
    request = "\nWhat would run only with --run-rollback-commands:\n"
    plain = run("releases", "rollback", OLD, "--dry-run").out
    assert f"{before}{migrate}{request}{undo}\nWhat does not come back" in plain
    undoing = run("releases", "rollback", OLD, "--dry-run", "--run-rollback-commands").out
    assert f"{before}{undo}{migrate}\nWhat does not come back" in undoing


def test_dry_run_that_would_not_work_ends_with_1(run: Run, rack: ScriptedRack) -> None:
    checks = [types.Finding("environment", "problem", "required env: A", "sternway env set A=…")]
    rack.on(f"GET /apps/shop/releases/{OLD}/preview", preview(works=False, checks=checks, diff=None))
    ended = run("releases", "rollback", OLD, "--dry-run", "--only", "build", "--settings")
    assert ended.code == 1
    assert ended.out.startswith("This would NOT work")
    assert ended.err == "ERROR: it would not work: required env: A\nhint: sternway env set A=…\n"
    query = rack.request(f"GET /apps/shop/releases/{OLD}/preview").query
    assert query == {"only": "build", "settings": "true"}


def test_dry_run_as_json_is_the_object_and_has_the_same_exit_code(run: Run, rack: ScriptedRack) -> None:
    checks = [types.Finding("engine", "problem", "no answer")]
    rack.on(f"GET /apps/shop/releases/{OLD}/preview", preview(works=False, checks=checks))
    ended = run("releases", "rollback", OLD, "--dry-run", "--json")
    assert '"works": false' in ended.out
    assert ended.code == 1


@pytest.fixture
def completed(rack: ScriptedRack) -> ScriptedRack:
    rack.on("GET /apps/shop/history/point", types.Point(OLD, "first", AT, AT + timedelta(hours=1)))
    rack.on(f"POST /apps/shop/releases/{OLD}/rollback", samples.release(COPY))
    rack.on("GET /apps/shop/promotions", [samples.promotion(COPY)])
    rack.on("GET /apps/shop/promotions/7", samples.promotion(COPY, "completed"))
    return rack


@pytest.mark.parametrize(
    ("args", "sent"),
    [(("--to", "previous"), "previous"), (("previous",), "previous"), (("--to", "2026-11-20 14:05Z"), AT.isoformat())],
)
def test_rollback_goes_to_a_point_in_time(run: Run, completed: ScriptedRack, args: tuple[str, ...], sent: str) -> None:
    ended = run("releases", "rollback", "--id", *args)
    assert (ended.code, ended.out) == (0, COPY)
    assert completed.request("GET /apps/shop/history/point").query == {"to": sent}
    assert ended.err.startswith(f"{OLD} was active from 2026-11-20 14:05:00 to 2026-11-20 15:05:00\n")


def test_rollback_sends_parts_and_settings_only_when_they_are_asked_for(run: Run, completed: ScriptedRack) -> None:
    run("releases", "rollback", OLD)
    run("releases", "rollback", OLD, "--only", "env", "--settings", "--reason", "bad")
    forms = [r.form for r in completed.requests if r.line.endswith("/rollback")]
    assert forms == [{"force": "false"}, {"force": "false", "reason": "bad", "only": "env", "settings": "true"}]


def test_a_part_is_not_gone_back_to_by_hand(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"POST /apps/shop/releases/{OLD}/rollback", refusal(404, "not found"))
    assert run("releases", "rollback", OLD, "--only", "env").code != 0
    assert not [r for r in rack.requests if r.line == "POST /apps/shop/releases"]


@pytest.mark.parametrize("args", [(), (OLD, "--to", "previous"), ("--to", "soon")])
def test_rollback_has_to_know_where_to(run: Run, args: tuple[str, ...]) -> None:
    assert run("releases", "rollback", *args).code == 2


LINES = [
    types.HistoryLine(
        AT, "release", f"rollback to {OLD}", "ann", "bad", "completed", release=COPY, promotion=3, since=AT, active=True
    ),
    types.HistoryLine(AT, "release", f"promote {NEW}", "bob", status="reverted", cause="web exited", release=NEW),
    types.HistoryLine(AT, "scale", "web to 2", "eve"),
]


def test_history_looks_as_documented(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/history", LINES)
    assert run("history", "-l", "3").out == (
        "WHEN                 WHAT                              RELEASE      STATUS    BY   REASON\n"
        f"2026-11-20 14:05:00  rollback to {OLD}           {COPY}  active    ann  bad\n"
        f"2026-11-20 14:05:00  promote {NEW} (web exited)  {NEW}  reverted  bob\n"
        "2026-11-20 14:05:00  web to 2                                                 eve\n"
    )
    assert rack.request("GET /apps/shop/history").query == {"limit": "3"}


def test_history_of_the_rack(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /history", LINES[2:])
    assert '"text": "web to 2"' in run("rack", "history", "--json").out


def test_restore_says_what_came_back_and_waits(run: Run, completed: ScriptedRack) -> None:
    back = types.Restored("shop", COPY, 7, ["volumes are back"])
    completed.on("POST /apps/shop/restore", back)
    ended = run("apps", "restore", "shop", "--reason", "oops")
    assert ended.out == f"Restoring shop... OK\nvolumes are back\nPromoting {COPY}... OK\n"
    assert completed.request("POST /apps/shop/restore").form == {"reason": "oops"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("wished", "sent"), [("yes", {"lock": "true", "reason": "ticket 42"}), ("", {"lock": "true"})])
def test_who_sits_at_a_terminal_is_asked_why_where_the_app_wishes_it(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch, wished: str, sent: dict[str, str]
) -> None:
    rack.on("GET /apps/shop", types.App("shop", "running", parameters={"AskReason": wished}))
    rack.on("PUT /apps/shop", Answer())
    monkeypatch.setattr("sys.stdin", Terminal("ticket 42\n"))
    assert run("apps", "lock").code == 0
    assert rack.request("PUT /apps/shop").form == sent


def test_a_script_is_never_asked_why(run: Run, rack: ScriptedRack) -> None:
    rack.on("PUT /apps/shop", Answer())
    assert run("apps", "lock").code == 0
    assert [r.line for r in rack.requests] == ["PUT /apps/shop"]
