import pytest

import sternway
from tests.cli.conftest import Run
from tests.cli.scripted import ScriptedRack

OWN = "20261122000000"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sternway, "__version__", OWN)


@pytest.mark.parametrize(
    ("server", "apart"),
    [
        ("20261112000000", "the client is 10 days newer than the rack"),
        ("20251122000000-labelled", "the client is 365 days newer than the rack"),
        ("20271122000000", "the client is 365 days older than the rack"),
        ("20261122000000-other", "they are of the same day"),
    ],
)
def test_both_versions_are_printed_and_that_they_fit(run: Run, rack: ScriptedRack, server: str, apart: str) -> None:
    rack.on("GET /system", {"version": server})
    ended = run("version")
    assert ended.out == f"client: {OWN}\nserver: {server}\nfit: yes, {apart}\n"
    assert ended.err == ""


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("20241101000000", "WARNING: the rack is the older one by 751 days, some commands may fail\n"),
        ("20281201000000-labelled", "WARNING: the client is the older one by 740 days, some commands may fail\n"),
    ],
)
def test_what_is_more_than_a_year_apart_is_warned_of_with_the_remedy(
    run: Run, rack: ScriptedRack, server: str, words: str
) -> None:
    rack.on("GET /system", {"version": server})
    ended = run("version")
    assert (ended.code, ended.out.splitlines()[:2]) == (0, [f"client: {OWN}", f"server: {server}"])
    assert ended.out.splitlines()[2].startswith("fit: no, the client is ")
    remedy = "sternway rack update" if "the rack" in words else "sternway update"
    assert ended.err == f"{words}hint: {remedy}\n"


@pytest.mark.parametrize("server", ["3.24.6", "20269999999999"])
def test_racks_without_a_date_are_not_judged(run: Run, rack: ScriptedRack, server: str) -> None:
    rack.on("GET /system", {"version": server})
    assert run("version").out.endswith("fit: not known, as their versions do not both have a date\n")


def test_without_a_rack_there_is_no_server(run_alone: Run) -> None:
    ended = run_alone("version")
    assert (ended.code, ended.out) == (0, f"client: {sternway.__version__}\nserver: none\n")


def test_own_version_asks_nobody(run_alone: Run) -> None:
    assert run_alone("--version").out == f"{sternway.__version__}\n"


def test_completion_is_for_the_name_of_the_program(run_alone: Run) -> None:
    assert "_STERNWAY_COMPLETE=bash_complete" in run_alone("completion", "bash").out
