from datetime import timedelta

import pytest

from sternway.wire import types
from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

OLD, NEW = "RHKOIXXVDMJ", "RAXHPJHSWZO"
ROLLBACK = f"POST /apps/shop/releases/{OLD}/rollback"
WEEK = timedelta(days=7)


@pytest.fixture
def completed(rack: ScriptedRack) -> ScriptedRack:
    rack.on(ROLLBACK, samples.release(NEW))
    rack.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    rack.on("GET /apps/shop/promotions/7", samples.promotion(NEW, "completed", "web: healthy", "web: switched"))
    return rack


def test_list_looks_as_documented(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app("RPQXVNXFGXU"))
    listed = [
        samples.release("RPQXVNXFGXU", age=WEEK, build="BWIWLFJJVIU"),
        samples.release("RHKOIXXVDMJ", age=2 * WEEK, build="BAQEPGSROOD"),
        samples.release("RDSKWHNEQMK", age=timedelta(days=31), build="BIVOMOGBRLD"),
    ]
    rack.on("GET /apps/shop/releases", listed)
    ended = run("releases")
    assert ended.out == (
        "ID           CREATED      BUILD        STATUS\n"
        "RPQXVNXFGXU  1 week ago   BWIWLFJJVIU  active\n"
        "RHKOIXXVDMJ  2 weeks ago  BAQEPGSROOD\n"
        "RDSKWHNEQMK  1 month ago  BIVOMOGBRLD\n"
    )
    assert (ended.code, ended.err) == (0, "")


def test_list_has_descriptions_where_there_are_any(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app("RAAAAAAAAAA"))
    rack.on("GET /apps/shop/releases", [samples.release("RBBBBBBBBBB", build="B", description="env add:A")])
    assert run("releases", "-l", "5").out == (
        "ID           CREATED    BUILD  STATUS  DESCRIPTION\nRBBBBBBBBBB  1 day ago  B              env add:A\n"
    )
    assert rack.request("GET /apps/shop/releases").query == {"limit": "5"}


def test_list_as_json_holds_the_objects_of_the_api(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app())
    rack.on("GET /apps/shop/releases", [{"id": "R1", "app": "shop", "copy-of": "R0", "unknown": 1}])
    assert '"copy-of": "R0"' in run("releases", "--json").out


def test_rollback_shows_each_step_and_how_it_ended(run: Run, completed: ScriptedRack) -> None:
    ended = run("releases", "rollback", OLD)
    assert ended.out == (f"Rolling back to {OLD}... OK, {NEW}\nPromoting {NEW}...\nweb: healthy\nweb: switched\nOK\n")
    assert (ended.code, ended.err) == (0, "")


def test_rollback_shows_steps_as_they_come_and_asks_for_those_after(run: Run, completed: ScriptedRack) -> None:
    completed.on(
        "GET /apps/shop/promotions/7",
        samples.promotion(NEW, "updating", "one"),
        samples.promotion(NEW, "completed", "one", "two"),
    )
    assert run("releases", "rollback", OLD).out.endswith("...\none\ntwo\nOK\n")
    asked = [r.query["after"] for r in completed.requests if r.path.endswith("/promotions/7")]
    assert asked == ["0", "1"]


def test_rollback_with_id_prints_the_id_alone(run: Run, completed: ScriptedRack) -> None:
    ended = run("releases", "rollback", "--id", OLD)
    assert ended.out == NEW
    assert ended.err.startswith(f"Rolling back to {OLD}... OK, {NEW}\nPromoting {NEW}...")


def test_rollback_sends_force_reason_and_who(
    run: Run, completed: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVOX_ACTOR", "zoë@example.com")
    run("releases", "rollback", OLD, "--force", "--reason", "bad prices")
    request = completed.request(ROLLBACK)
    assert request.form == {"force": "true", "reason": "bad prices"}
    assert request.headers["X-Convox-Actor"] == "zo%C3%AB@example.com"
    assert request.headers["Accept"] == "application/json"


def test_failed_rollback_names_the_cause_and_leaves_stdout_to_nobody(run: Run, completed: ScriptedRack) -> None:
    reverted = samples.promotion(NEW, "reverted", cause="web never got healthy", replaces="RPQXVNXFGXU")
    completed.on("GET /apps/shop/promotions/7", reverted)
    ended = run("releases", "rollback", "--id", OLD)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith(
        f"Promoting {NEW}...\n"
        "ERROR: rollback: web never got healthy\n"
        "hint: RPQXVNXFGXU goes on serving; see why: sternway logs -a shop\n"
    )


def test_superseded_promotion_fails(run: Run, completed: ScriptedRack) -> None:
    completed.on("GET /apps/shop/promotions/7", samples.promotion(NEW, "superseded", cause="by RZ"))
    ended = run("releases", "rollback", OLD)
    assert (ended.code, ended.err) == (1, "ERROR: superseded: by RZ\n")


def test_unknown_release_is_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on(ROLLBACK, refusal(404, "release not found", "not-found", "see them: sternway releases"))
    ended = run("releases", "rollback", OLD)
    assert ended.code == 3
    assert ended.out == f"Rolling back to {OLD}...\n"
    assert ended.err == "ERROR: release not found\nhint: see them: sternway releases\n"


def test_rack_without_the_route_gets_the_copy_by_hand(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"GET /apps/shop/releases/{OLD}", samples.release(OLD, build="B1", env="A=1\nB=x=y"))
    rack.on("POST /apps/shop/releases", samples.release(NEW))
    rack.on(f"POST /apps/shop/releases/{NEW}/promote", Answer())
    ended = run("releases", "rollback", OLD, "--no-wait")
    assert ended.out == f"Rolling back to {OLD}... OK, {NEW}\nPromoting {NEW}... OK\n"
    assert rack.request("POST /apps/shop/releases").form == {"build": "B1", "env": "A=1\nB=x=y"}
    assert rack.request(f"POST /apps/shop/releases/{NEW}/promote").form == {"force": "false"}


def test_copy_by_hand_keeps_an_empty_environment(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"GET /apps/shop/releases/{OLD}", samples.release(OLD, build="B1"))
    rack.on("POST /apps/shop/releases", samples.release(NEW))
    rack.on(f"POST /apps/shop/releases/{NEW}/promote", Answer())
    run("releases", "rollback", OLD, "--no-wait")
    assert rack.request("POST /apps/shop/releases").form == {"build": "B1", "env": ""}


def test_promote_without_an_id_takes_the_newest(run: Run, completed: ScriptedRack) -> None:
    completed.on("GET /apps/shop", samples.app())
    completed.on("GET /apps/shop/releases", [samples.release(NEW), samples.release(OLD)])
    completed.on(f"POST /apps/shop/releases/{NEW}/promote", Answer())
    assert run("releases", "promote").out == f"Promoting {NEW}...\nweb: healthy\nweb: switched\nOK\n"


def test_refused_promotion_shows_the_message_of_any_rack(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"POST /apps/shop/releases/{NEW}/promote", Answer(403, b"app is currently updating\n"))
    ended = run("releases", "promote", NEW, "--force")
    assert (ended.code, ended.err) == (1, "ERROR: app is currently updating\n")


def test_conflict_has_its_own_exit_code(run: Run, rack: ScriptedRack) -> None:
    rack.on(ROLLBACK, refusal(409, "app is locked: shop"))
    assert run("releases", "rollback", OLD).code == 4


def test_manifest_ends_with_a_newline(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"GET /apps/shop/releases/{OLD}", samples.release(OLD, manifest="services: {}"))
    assert run("releases", "manifest", OLD).out == "services: {}\n"


def test_info_shows_the_environment_below_each_other(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"GET /apps/shop/releases/{OLD}", samples.release(OLD, build="B1", env="A=1\nB=2"))
    assert run("releases", "info", OLD).out == (
        f"Id       {OLD}\nBuild    B1\nCreated  1 day ago\nEnv      A=1\n         B=2\n"
    )


def test_create_from_mixes_two_releases(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app("RACTIVE"))
    rack.on("GET /apps/shop/releases/RACTIVE", samples.release("RACTIVE", build="B2", env="A=2"))
    rack.on(f"GET /apps/shop/releases/{OLD}", samples.release(OLD, build="B1", env="A=1"))
    rack.on("POST /apps/shop/releases", samples.release(NEW))
    assert run("releases", "create-from", "--build-from", OLD, "--use-active-release-env", "--id").out == NEW
    assert rack.request("POST /apps/shop/releases").form == {
        "build": "B1",
        "env": "A=2",
        "description": f"build of {OLD}, environment of RACTIVE",
    }


def test_create_from_needs_to_know_both_sources(run: Run) -> None:
    assert run("releases", "create-from", "--build-from", OLD).code == 2


def test_follow_watches_what_is_under_way(run: Run, completed: ScriptedRack) -> None:
    completed.on("GET /apps/shop/releases", [samples.release(NEW)])
    assert run("releases", "follow").out == f"Promoting {NEW}...\nweb: healthy\nweb: switched\nOK\n"


def test_app_without_releases_has_nothing_to_promote(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/releases", [])
    ended = run("releases", "promote")
    assert (ended.code, ended.err) == (3, "ERROR: no releases of shop\nhint: make one: sternway deploy\n")


def test_release_that_was_never_promoted_cannot_be_followed(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/promotions", [samples.promotion("R1")])
    ended = run("releases", "follow", "R2")
    assert (ended.code, ended.err.splitlines()) == (
        3,
        ["ERROR: R2 is in none of the last 20 promotions", "hint: promote it: sternway releases promote R2 -a shop"],
    )


def test_newest_promotion_is_followed_where_no_release_is_named(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/promotions", [samples.promotion("R1")])
    rack.on("GET /apps/shop/promotions/7", samples.promotion("R1", "completed"))
    assert run("releases", "follow").out == "Promoting R1... OK\n"


def test_status_that_outlasts_its_promotion_is_not_waited_for(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app(status="rollback"))
    rack.on("GET /apps/shop/promotions", [samples.promotion("R1", "reverted")])
    rack.on("POST /apps/shop/releases/R1/promote", Answer())
    assert run("releases", "promote", "R1", "--no-wait").out == "Promoting R1... OK\n"


def test_release_that_cannot_be_run_any_more_is_marked_but_the_active_one_is_active(
    run: Run, rack: ScriptedRack
) -> None:
    rack.on("GET /apps/shop", samples.app(NEW))
    rack.on("GET /apps/shop/releases", [samples.release(NEW, gone=True), samples.release(OLD, gone=True)])
    assert run("releases").out == (
        f"ID           CREATED    BUILD  STATUS\n{NEW}  1 day ago         active\n{OLD}  1 day ago         gone\n"
    )
    assert run("releases", "--json").out.count('"gone": true') == 2


def test_info_of_a_release_that_is_gone_says_what_can_be_done(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"GET /apps/shop/releases/{OLD}", samples.release(OLD, build="B1", gone=True))
    ended = run("releases", "info", OLD)
    assert "Status   gone\n" in ended.out
    assert ended.err == (
        "WARNING: what this release would run is no longer there, so there is no way back to it\n"
        "hint: check out its source and build it again: sternway deploy\n"
    )


def test_refused_rollback_to_what_is_gone_shows_what_is_left(run: Run, rack: ScriptedRack) -> None:
    rack.on(ROLLBACK, refusal(410, f"release {OLD} cannot run: gone", "artifact-gone", f"still there: {NEW}"))
    ended = run("releases", "rollback", OLD)
    assert (ended.code, ended.err) == (1, f"ERROR: release {OLD} cannot run: gone\nhint: still there: {NEW}\n")


def test_rollback_asks_for_the_commands_that_undo(run: Run, completed: ScriptedRack) -> None:
    run("releases", "rollback", OLD, "--run-rollback-commands")
    assert completed.request(ROLLBACK).form["run-rollback-commands"] == "true"


def test_logs_print_what_commands_said_and_aside_what_they_were(run: Run, rack: ScriptedRack) -> None:
    ran = types.CommandRun(7, "release", "web", OLD, "failed", output="one\ntwo\n")
    rack.on(f"GET /apps/shop/releases/{OLD}/commands", [ran])
    ended = run("releases", "logs", OLD)
    assert ended.out == "one\ntwo\n"
    assert ended.err == f"release command of web ({OLD}): failed\n"
