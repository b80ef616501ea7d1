"""What a launcher meets that should not happen: damaged files, deaths at bad moments, disks that refuse."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from sternway.launcher import files, store
from sternway.launcher.state import Step
from tests.launcher.rig import NEW, NEWER, OLD, Rig

OLDER = "20260115000000"


def in_the_way(path: Path) -> Path:
    """Keep a directory from being made, as a disk would that takes nothing."""
    path.write_text("in the way")
    return path


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def dead_launcher(rig: Rig) -> None:
    """End launcher and rack as a power loss does."""
    rig.kill()
    pid = rig.rack()
    os.kill(pid, signal.SIGKILL)
    rig.until(lambda: not is_alive(pid))


# --- damaged files ---


DAMAGED = ("", "{", "[]", "{}", '{"id": "../x", "target": "1", "by": "", "reason": "", "at": "", "accept_export": 0}')


def test_a_damaged_order_is_put_aside_and_the_next_one_taken(rig: Rig):
    for text in DAMAGED:
        files.remove(rig.files.damaged_order)
        rig.files.order.write_text(text)
        rig.until(rig.files.damaged_order.exists)
    rig.order(rig.version(NEW))
    assert rig.outcome()["result"] == "completed"


@pytest.mark.parametrize("text", [None, "[]"])
def test_a_damaged_state_is_taken_from_its_copy(rig: Rig, text: str | None):
    rig.order(rig.version(NEW))
    rig.outcome()
    rig.until(lambda: rig.step() is None)
    rig.serves(NEW)
    dead_launcher(rig)
    rig.files.state.unlink() if text is None else rig.files.state.write_text(text)
    rig.start()
    assert rig.serves(NEW)


def test_without_any_state_it_says_which_file_is_missing(rig: Rig):
    dead_launcher(rig)
    rig.files.state.unlink()
    rig.files.state_copy.unlink(missing_ok=True)
    ended = subprocess.run(rig.command(), capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, "state.json is missing or damaged" in ended.stderr) == (1, True)


def test_a_damaged_record_of_the_process_is_as_none(rig: Rig):
    dead_launcher(rig)
    rig.files.process.write_text("[]")
    rig.start()
    assert rig.serves(OLD)


def test_a_version_that_tells_nothing_of_its_schema_is_reverted(rig: Rig):
    rig.version(NEW)
    (rig.files.versions / NEW / "about.json").write_text("{}")
    rig.order(NEW)
    assert rig.outcome()["result"] == "reverted"
    assert rig.serves(OLD)


# --- deaths at bad moments ---


def test_a_second_launcher_ends_at_once_and_the_first_goes_on(rig: Rig):
    before = rig.rack()
    ended = subprocess.run(rig.command(), capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, "a launcher already runs" in ended.stderr) == (1, True)
    assert (rig.rack(), rig.serves(OLD)) == (before, True)


def test_a_version_that_was_just_being_started_does_not_outlive_its_launcher(rig: Rig):
    """It has not said yet that it is a rack: it would take the store from the one that is brought back."""
    rig.insert("kept")
    rig.order(rig.version(NEW, schema=2, behaviour="sluggish"))
    rig.until(lambda: rig.step() is Step.STARTING and (files.read(rig.files.started) or {}).get("version") == NEW)
    started = json.loads(rig.files.started.read_text())["pid"]
    rig.kill()
    rig.start()
    assert rig.outcome()["result"] == "reverted"
    assert rig.serves(OLD)
    assert not is_alive(started)
    assert (rig.schema(), rig.rows()) == (1, ["kept"])


def test_a_task_ends_with_its_launcher(rig: Rig):
    rig.order(rig.version(NEW, behaviour="endless"))
    told = rig.files.trial / "task"
    pid = int(rig.until(lambda: told.exists() and told.read_text()))
    rig.kill()
    rig.until(lambda: not is_alive(pid))
    assert rig.serves(OLD)


def test_the_old_version_is_started_again_while_a_trial_hangs(rig: Rig):
    rig.order(rig.version(NEW, behaviour="endless"))
    rig.until((rig.files.trial / "task").exists)
    before = rig.rack()
    os.kill(before, signal.SIGKILL)
    rig.until(lambda: rig.rack() != before)
    assert rig.serves(OLD)
    assert rig.step() is Step.TRYING


def test_a_launcher_that_is_asked_to_stop_does_not_wait_for_a_trial(rig: Rig):
    rig.order(rig.version(NEW, behaviour="endless"))
    rig.until((rig.files.trial / "task").exists)
    rig.stop()
    assert "asked to stop" in rig.outcome()["cause"]
    assert rig.ask() == ""


def test_an_update_that_was_told_as_completed_is_not_taken_back(rig: Rig):
    rig.at(Step.WATCHING, signal.SIGKILL)
    rig.order(rig.version(NEW))
    assert rig.has_died()
    update = (files.read(rig.files.state) or {})["update"]
    files.write(rig.files.outcomes / "u1.json", update | {"result": "completed", "ended_at": ""})
    rig.start()
    rig.until(lambda: rig.step() is None)
    assert (rig.serves(NEW), rig.outcome()["result"]) == (True, "completed")


# --- disks that refuse, and ways back that do not work ---


@pytest.mark.parametrize("behaviour", ["untried", "deaf"])
def test_what_cannot_be_written_is_tried_again_until_it_can(rig: Rig, behaviour: str):
    rig.insert("kept")
    rig.be_impatient()
    obstacle = in_the_way(rig.files.outcomes)
    rig.order(rig.version(NEW, schema=2, behaviour=behaviour))
    rig.until(rig.cause)
    obstacle.unlink()
    assert rig.outcome()["result"] == "reverted"
    assert rig.serves(OLD)
    assert (rig.schema(), rig.rows()) == (1, ["kept"])


def test_a_launcher_that_tries_again_can_be_stopped_and_the_next_one_goes_on(rig: Rig):
    obstacle = in_the_way(rig.files.outcomes)
    rig.order(rig.version(NEW, behaviour="untried"))
    rig.until(rig.cause)
    rig.stop()
    assert rig.ask() == ""
    obstacle.unlink()
    rig.start()
    assert "does not work on a copy" in rig.outcome()["cause"]
    assert rig.serves(OLD)


def test_an_order_that_cannot_be_taken_is_taken_later(rig: Rig):
    copy = rig.files.state_copy
    copy.unlink(missing_ok=True)
    copy.mkdir()
    rig.order(rig.version(NEW))
    rig.until(lambda: rig.step() is Step.ORDERED)
    assert rig.serves(OLD)
    copy.rmdir()
    assert rig.outcome()["result"] == "completed"


def test_a_version_that_could_not_go_back_is_found_out_before_anything_is_touched(rig: Rig):
    before = rig.rack()
    rig.order(rig.version(NEW, schema=2, behaviour="oneway"))
    assert "cannot go back" in rig.outcome()["cause"]
    assert rig.rack() == before


def test_a_snapshot_that_somebody_removes_meanwhile_does_not_take_an_update_back(rig: Rig):
    rig.files.snapshots.mkdir()
    (rig.files.snapshots / "gone.db").symlink_to("nowhere")
    rig.order(rig.version(NEW))
    assert rig.outcome()["result"] == "completed"
    assert rig.serves(NEW)


def test_a_copy_that_fails_takes_no_room(tmp_path: Path):
    (tmp_path / "rack.db").write_bytes(b"no database" * 100)
    with pytest.raises(store.Error):
        store.copy(tmp_path / "rack.db", tmp_path / "to" / "copy.db")
    assert list((tmp_path / "to").iterdir()) == []


def stranded(rig: Rig) -> None:
    """Have the newer schema active, with a row that the older one cannot hold."""
    rig.order(rig.version(NEW, schema=2), id="u0")
    rig.outcome("u0")
    with contextlib.closing(sqlite3.connect(rig.files.store)) as rows, rows:
        rows.execute("INSERT INTO rows (text, more) VALUES ('stranded', 'more')")


def test_exported_rows_are_named_if_the_way_down_is_taken_back_after_requests(rig: Rig):
    stranded(rig)
    rig.order(rig.version(OLDER, behaviour="brief"), accept_export=True)
    exported = rig.files.exports / "u1.json"
    assert f"rows that were taken out are in {exported}" in rig.outcome()["cause"]
    assert rig.serves(NEW)
    assert "stranded" in exported.read_text()


def test_nothing_is_left_exported_if_the_way_down_is_taken_back_before_any_request(rig: Rig):
    stranded(rig)
    rig.be_impatient()
    rig.order(rig.version(OLDER, behaviour="deaf"), accept_export=True)
    assert rig.outcome()["result"] == "reverted"
    assert rig.serves(NEW)
    assert rig.rows() == ["stranded"]
    assert not (rig.files.exports / "u1.json").exists()


def test_a_rack_that_does_not_start_can_still_be_moved(rig: Rig):
    dead_launcher(rig)
    rig.activate(rig.version(NEWER, behaviour="refuses"))
    rig.start()
    rig.order(OLD)
    assert rig.outcome()["result"] == "completed"
    assert rig.serves(OLD)
