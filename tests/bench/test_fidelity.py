"""What came back and what did not: it follows from what was seen, and only from versions that differ."""

import time
from dataclasses import replace
from typing import Any

import pytest

from bench import fidelity
from bench.fidelity import ASPECTS, SET, Fidelity, Seen

ONE = Seen("1", "one", "one", 2, ("/srv/one",), ("1", "one", "one"), 2)
TWO = Seen("2", "two", "two", 3, ("/srv/two",), ("2", "two", "two"), 1)


def told(process: str, **members: Any) -> dict[str, Any]:
    given = {"image": "1", "environment": "one", "command": "one", "mounts": ["/srv/one"]}
    return {**given, "process": process, "at": time.time(), **members}


def test_what_is_as_before_came_back():
    assert all(fidelity.compared(ONE, TWO, ONE).values())
    found = fidelity.compared(ONE, TWO, replace(ONE, scale=3, workers=1))
    assert [name for name, is_back in found.items() if not is_back] == ["scale", SET]


def test_versions_with_something_in_common_show_nothing():
    with pytest.raises(ValueError, match="same mounts"):
        fidelity.compared(ONE, replace(TWO, mounts=ONE.mounts), ONE)


def test_processes_are_counted_by_the_names_that_they_give_themselves():
    found = fidelity.seen([told("a"), told("b"), told("a")], told("c", mounts=[]), 2)
    assert found == ONE


def test_different_answers_are_nothing_yet_and_a_worker_that_is_silent_is_none():
    with pytest.raises(LookupError):
        fidelity.seen([told("a"), told("b", image="2")], None)
    assert fidelity.seen([told("a")], told("c", at=time.time() - 60)).worker == ()


def test_the_table_has_a_line_for_each_and_says_no_aloud():
    back: dict[str, bool | None] = dict.fromkeys(ASPECTS, True)
    found = [Fidelity("Sternway", "rollback", back | {SET: False}), Fidelity("Swarm", "update", back | {SET: None})]
    _, ours, theirs = fidelity.table(found).splitlines()
    assert (ours.split()[-2:], theirs.split()[-2:]) == (["yes", "NO"], ["yes", "-"])
    assert [each.is_whole for each in found] == [True, True]
    assert not Fidelity("x", "y", back | {"worker": False}).is_whole
