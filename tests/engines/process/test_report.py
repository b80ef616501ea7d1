import json

from sternway.engines.process import report


def test_a_kill_for_want_of_memory_says_more_than_its_signal():
    said = report.Report("pausing", last_exit=-9, memory_exceeded_mib=64, last_line="busy")
    assert said.exit_words() == "killed: out of memory (limit 64 MiB)"


def test_what_a_newer_supervisor_adds_is_passed_over():
    assert report.parse(json.dumps({"phase": "running", "pid": 1, "mood": "good"}).encode()) == report.Report(
        "running", 1
    )
