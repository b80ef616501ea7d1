"""Moving a rack to another version and back, with versions that work and versions that do not."""

import os
import signal

import pytest

from tests.launcher.rig import NEW, NEWER, OLD, Rig


def reverted(rig: Rig, *, to: str = OLD) -> str:
    """Return why the update was reverted, once the version before serves again with everything it had."""
    outcome = rig.outcome()
    assert outcome["result"] == "reverted"
    assert rig.serves(to)
    return str(outcome["cause"])


def test_an_update_ends_with_the_other_version_serving(rig: Rig):
    rig.insert("kept")
    rig.order(rig.version(NEW))
    outcome = rig.outcome()
    assert (outcome["result"], outcome["origin"], outcome["target"], outcome["by"]) == ("completed", OLD, NEW, "ann")
    assert rig.serves(NEW)
    assert rig.rows() == ["kept"]


def test_going_back_is_an_update_to_an_older_version(rig: Rig):
    rig.order(rig.version(NEW), id="u1")
    assert rig.outcome("u1")["result"] == "completed"
    rig.insert("meanwhile")
    rig.order(OLD, id="u2")
    assert rig.outcome("u2")["result"] == "completed"
    assert rig.serves(OLD)
    assert rig.rows() == ["meanwhile"]


def test_a_newer_schema_is_migrated_to_and_back(rig: Rig):
    rig.insert("first")
    rig.order(rig.version(NEW, schema=2), id="u1")
    assert rig.outcome("u1")["result"] == "completed"
    assert rig.schema() == 2
    rig.insert("second")
    rig.order(OLD, id="u2")
    assert rig.outcome("u2")["result"] == "completed"
    assert (rig.schema(), rig.rows()) == (1, ["first", "second"])


def strand(rig: Rig) -> None:
    """Have a row that only schema 2 can hold."""
    import sqlite3

    with sqlite3.connect(rig.files.store) as store:
        store.execute("INSERT INTO rows (text, more) VALUES ('stranded', 'more')")


def test_rows_that_the_older_version_cannot_hold_are_in_its_way(rig: Rig):
    rig.order(rig.version(NEW, schema=2), id="u0")
    rig.outcome("u0")
    strand(rig)
    rig.order(OLD)
    assert "cannot hold 1 rows" in reverted(rig, to=NEW)
    assert rig.rows() == ["stranded"]


def test_rows_that_the_older_version_cannot_hold_are_exported_if_a_person_accepts_it(rig: Rig):
    rig.order(rig.version(NEW, schema=2), id="u0")
    rig.outcome("u0")
    strand(rig)
    rig.order(OLD, accept_export=True)
    assert rig.outcome()["result"] == "completed"
    assert "stranded" in (rig.files.exports / "u1.json").read_text()


@pytest.mark.parametrize(
    ("behaviour", "cause", "schema"),
    [
        ("untried", "it does not work on a copy", 2),
        ("refuses", "ended with 1 while it started", 1),
        ("deaf", "was not healthy within 1 s: it does not answer", 2),
        ("brief", "ended with 7", 1),
        ("brief", "ended with 7", 2),
    ],
)
def test_a_version_that_does_not_work_leaves_the_one_before(rig: Rig, behaviour: str, cause: str, schema: int):
    rig.insert("kept")
    if behaviour == "deaf":
        rig.be_impatient()
    rig.order(rig.version(NEW, schema=schema, behaviour=behaviour))
    assert cause in reverted(rig)
    assert (rig.schema(), rig.rows()) == (1, ["kept"])


def test_a_version_that_is_not_there_changes_nothing(rig: Rig):
    before = rig.rack()
    rig.order(NEWER)
    assert "No such file" in reverted(rig)
    assert rig.rack() == before


def test_a_version_that_fails_its_trial_never_stops_the_one_that_serves(rig: Rig):
    before = rig.rack()
    rig.order(rig.version(NEW, behaviour="untried"))
    reverted(rig)
    assert rig.rack() == before


def test_a_rack_that_crashes_is_started_again(rig: Rig):
    before = rig.rack()
    os.kill(before, signal.SIGKILL)
    rig.until(lambda: rig.rack() != before)
    assert rig.serves(OLD)


def test_a_rack_that_is_asked_to_stop_ends_the_launcher_too(rig: Rig):
    os.kill(rig.rack(), signal.SIGTERM)
    assert rig.has_died()


def test_a_rack_that_is_asked_to_stop_ends_also_a_launcher_that_had_only_found_it(rig: Rig):
    rig.kill()
    rig.start()
    rig.order("nonsense")  # once this has ended, the launcher has found the rack
    rig.outcome()
    os.kill(rig.rack(), signal.SIGTERM)
    assert rig.has_died()


def test_a_launcher_that_is_killed_leaves_the_rack_and_the_next_one_finds_it(rig: Rig):
    before = rig.rack()
    rig.kill()
    rig.start()
    rig.order(rig.version(NEW))
    assert rig.outcome()["result"] == "completed"
    assert rig.serves(NEW)
    assert rig.rack() != before


def test_no_room_for_a_snapshot_leaves_the_version_before(rig: Rig):
    rig.insert("kept")
    rig.files.snapshots.write_text("in the way")
    rig.order(rig.version(NEW, schema=2))
    reverted(rig)
    assert (rig.schema(), rig.rows()) == (1, ["kept"])


def test_an_order_given_while_no_launcher_runs_is_taken_by_the_next(rig: Rig):
    rig.kill()
    rig.order(rig.version(NEW))
    rig.start()
    assert rig.outcome()["result"] == "completed"


def test_both_killed_after_an_update_the_new_version_comes_back(rig: Rig):
    rig.order(rig.version(NEW))
    rig.outcome()
    rig.kill()
    os.kill(rig.rack(), signal.SIGKILL)
    rig.start()
    assert rig.serves(NEW)
