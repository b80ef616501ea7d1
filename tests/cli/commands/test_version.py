import sternway
from tests.cli.conftest import Run
from tests.cli.scripted import ScriptedRack


def test_both_versions_are_printed(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /system", {"version": "20260102030405"})
    assert run("version").out == f"client: {sternway.__version__}\nserver: 20260102030405\n"


def test_without_a_rack_there_is_no_server(run_alone: Run) -> None:
    ended = run_alone("version")
    assert (ended.code, ended.out) == (0, f"client: {sternway.__version__}\nserver: none\n")


def test_own_version_asks_nobody(run_alone: Run) -> None:
    assert run_alone("--version").out == f"{sternway.__version__}\n"


def test_completion_is_for_the_name_of_the_program(run_alone: Run) -> None:
    assert "_STERNWAY_COMPLETE=bash_complete" in run_alone("completion", "bash").out
