import json
from pathlib import Path

import pytest

from sternway.core.manifest import schema
from tests.cli.conftest import Run

VALID = "services:\n  web:\n    port: 3000\n  worker:\n    command: bin/work\n"
INVALID = "services:\n  web:\n    port: none\n    scale: -1\n    prot: 3000\n"
LATER = "services:\n  web:\n    port: 3000\nresources:\n  db:\n    type: postgres\n"


@pytest.mark.parametrize("word", ["", ".", "convox.yml"])
def test_valid_manifest_says_which_services_it_has(run_alone: Run, folder: Path, word: str) -> None:
    (folder / "convox.yml").write_text(VALID)
    ended = run_alone("manifest", "check", *[word] * bool(word))
    assert (ended.code, ended.out, ended.err) == (0, "convox.yml is valid: 2 services (web, worker)\n", "")


def test_every_error_is_told_with_its_place_and_line(run_alone: Run, folder: Path) -> None:
    (folder / "convox.yml").write_text(INVALID)
    ended = run_alone("manifest", "check")
    assert (ended.code, ended.out) == (1, "")
    lines = ended.err.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == ["ERROR", "ERROR"]
    assert (lines[0].endswith("(line 3)"), "services.web.port" in lines[0]) == (True, True)
    assert (lines[1].endswith("(line 4)"), "services.web.scale" in lines[1]) == (True, True)
    assert lines[-1] == "convox.yml is not valid: 2 errors"


def test_unknown_keys_warn_with_the_nearest(run_alone: Run, folder: Path) -> None:
    (folder / "convox.yml").write_text("services:\n  web:\n    prot: 3000\n")
    ended = run_alone("manifest", "check")
    assert ended.code == 0
    assert ended.err.startswith("warning: services.web.prot: ")
    assert "port" in ended.err


def test_warnings_are_told_beside_errors(run_alone: Run, folder: Path) -> None:
    (folder / "convox.yml").write_text(INVALID)
    assert "warning: services.web.prot: " in run_alone("manifest", "check").err
    verdict = json.loads(run_alone("manifest", "check", "--json").out)
    assert [warning["line"] for warning in verdict["warnings"]] == [5]


def test_keys_without_effect_are_one_line(run_alone: Run, folder: Path) -> None:
    (folder / "convox.yml").write_text(LATER)
    ended = run_alone("manifest", "check")
    assert (ended.code, ended.err) == (0, "note: kept, but without effect yet: resources\n")


def test_json_holds_all_of_it(run_alone: Run, folder: Path) -> None:
    (folder / "convox.yml").write_text(INVALID)
    ended = run_alone("manifest", "check", "--json")
    verdict = json.loads(ended.out)
    assert (ended.code, ended.err, verdict["file"], verdict["is-valid"]) == (1, "", "convox.yml", False)
    assert [error["line"] for error in verdict["errors"]] == [3, 4]
    assert verdict["errors"][0]["message"].startswith("services.web.port: ")


def test_procfile_serves_where_there_is_no_manifest(run_alone: Run, folder: Path) -> None:
    (folder / "Procfile").write_text("web: ./serve\nqueue: ./work\n")
    assert run_alone("manifest", "check").out == "Procfile is valid: 2 services (web, queue)\n"
    (folder / "Procfile").write_bytes(b"web ./serve\n")
    ended = run_alone("manifest", "check", str(folder))
    assert (ended.code, ended.err.startswith("ERROR: Procfile: ")) == (1, True)
    (folder / "Procfile").write_bytes(b"web: \xff\n")
    assert "is not UTF-8" in run_alone("manifest", "check").err


@pytest.mark.parametrize("word", [".", "absent.yml"])
def test_nothing_to_check_is_not_found(run_alone: Run, word: str) -> None:
    ended = run_alone("manifest", "check", word)
    assert (ended.code, ended.err.splitlines()[-1]) == (3, "hint: sternway manifest check FILE")


def test_keys_cannot_steer_the_terminal(run_alone: Run, folder: Path) -> None:
    (folder / "convox.yml").write_text('services:\n  web:\n    "a\\e[2J": 1\n')
    assert "\x1b" not in run_alone("manifest", "check").err


def test_schema_is_printed(run_alone: Run) -> None:
    assert json.loads(run_alone("manifest", "schema").out) == schema.schema()
