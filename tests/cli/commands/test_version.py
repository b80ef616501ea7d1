import pytest

import sternway
from tests.cli.conftest import Run
from tests.cli.scripted import ScriptedRack


@pytest.mark.parametrize("server", ["20260102030405", "20260102030405-labelled", "20251122000000"])
def test_both_versions_are_printed_and_that_they_fit(run: Run, rack: ScriptedRack, server: str) -> None:
    rack.on("GET /system", {"version": server})
    ended = run("version")
    assert ended.out == f"client: {sternway.__version__}\nserver: {server}\nfit: yes\n"
    assert ended.err == ""


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("20241101000000", "WARNING: the rack is the older one by 751 days, some commands may fail\n"),
        ("20281201000000-labelled", "WARNING: the client is the older one by 740 days, some commands may fail\n"),
    ],
)
def test_what_is_more_than_a_year_apart_is_warned_of_with_the_remedy(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch, server: str, words: str
) -> None:
    monkeypatch.setattr(sternway, "__version__", "20261122000000")
    rack.on("GET /system", {"version": server})
    ended = run("version")
    assert (ended.code, ended.out) == (0, f"client: 20261122000000\nserver: {server}\nfit: no\n")
    remedy = "sternway rack update" if "the rack" in words else "sternway update"
    assert ended.err == f"{words}hint: {remedy}\n"


@pytest.mark.parametrize("server", ["3.24.6", "20269999999999"])
def test_racks_without_a_date_are_not_judged(run: Run, rack: ScriptedRack, server: str) -> None:
    rack.on("GET /system", {"version": server})
    assert run("version").out == f"client: {sternway.__version__}\nserver: {server}\n"


def test_without_a_rack_there_is_no_server(run_alone: Run) -> None:
    ended = run_alone("version")
    assert (ended.code, ended.out) == (0, f"client: {sternway.__version__}\nserver: none\n")


def test_own_version_asks_nobody(run_alone: Run) -> None:
    assert run_alone("--version").out == f"{sternway.__version__}\n"


def test_completion_is_for_the_name_of_the_program(run_alone: Run) -> None:
    assert "_STERNWAY_COMPLETE=bash_complete" in run_alone("completion", "bash").out
