from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal


def test_list_has_name_status_and_release(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps", [samples.app("R1"), {"name": "new", "status": "creating"}])
    assert run("apps").out == "APP   STATUS    RELEASE\nshop  running   R1\nnew   creating\n"


def test_info_takes_the_app_of_the_folder(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app("R1"))
    expected = "Name        shop\nStatus      running\nGeneration  2\nLocked      false\nRelease     R1\n"
    assert run("apps", "info").out == expected


def test_app_may_be_named_before_or_after_the_command(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/other/releases/R1", samples.release("R1", manifest="x"))
    assert run("releases", "-a", "other", "manifest", "R1").out == "x\n"
    assert run("releases", "manifest", "R1", "-a", "other").out == "x\n"


def test_create_waits_until_the_app_is_running(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /apps", samples.app(status="creating"))
    rack.on("GET /apps/shop", samples.app())
    assert run("apps", "create", "shop").out == "Creating shop... OK\n"
    assert rack.request("POST /apps").form == {"name": "shop"}


def test_create_of_one_that_is_there_is_a_conflict(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /apps", refusal(409, "app already exists: shop"))
    ended = run("apps", "create", "shop")
    assert (ended.code, ended.err) == (4, "ERROR: app already exists: shop\n")


def test_delete_waits_until_the_app_is_gone(run: Run, rack: ScriptedRack) -> None:
    rack.on("DELETE /apps/shop", Answer())
    rack.on("GET /apps/shop", refusal(404, "app not found"))
    assert run("apps", "delete", "shop").out == "Deleting shop... OK\n"


def test_lock_unlock_and_cancel_say_what_they_do(run: Run, rack: ScriptedRack) -> None:
    rack.on("PUT /apps/shop", Answer())
    rack.on("POST /apps/shop/cancel", Answer())
    assert run("apps", "lock").out == "Locking shop... OK\n"
    assert run("apps", "unlock").out == "Unlocking shop... OK\n"
    assert run("apps", "cancel").out == "Cancelling shop... OK\n"
    assert [r.form.get("lock") for r in rack.requests] == ["true", "false", None]


def test_wait_is_taken_where_commands_always_wait(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /apps/shop/cancel", Answer())
    assert run("apps", "cancel", "-w").code == 0


def test_parameters_of_an_app_are_listed_and_set(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", {"name": "shop", "status": "running", "parameters": {"Standby": "10m"}})
    assert run("apps", "params").out == "NAME     VALUE\nStandby  10m\n"
    rack.on("PUT /apps/shop", Answer())
    assert run("apps", "params", "set", "Standby=1h", "--reason", "sale").out == "Setting Standby... OK\n"
    assert rack.request("PUT /apps/shop").form == {"parameters": "Standby=1h", "reason": "sale"}


def test_parameter_of_an_app_without_a_value_is_mistyped(run: Run, rack: ScriptedRack) -> None:
    ended = run("apps", "params", "set", "Standby")
    assert (ended.code, ended.err.splitlines()[0], rack.requests) == (2, "ERROR: not NAME=VALUE: Standby", [])
