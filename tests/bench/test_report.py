"""The table and the file: what people and later comparisons are given."""

import json
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.figures import Figures, Goal, Kind, Row

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ROWS = [
    Row("a", "fast", "ms", Figures.of([1, 2, 3]), "floor", Figures.of([2]), Goal(Kind.RATIO, 1.5)),
    Row("a", "slow", "ms", Figures.of([9]), "floor", Figures.of([2]), Goal(Kind.RATIO, 1.5)),
    Row("b", "plain", "requests/s", Figures.once(12345.6)),
]


def test_the_table_says_what_was_compared_and_whether_the_goal_was_met():
    _, fast, slow, _ = report.table(ROWS).splitlines()
    assert "floor" in fast
    assert fast.endswith("1.00  ratio <= 1.5  met")
    assert slow.endswith("4.50  ratio <= 1.5  MISSED")


def test_one_value_has_no_quantiles():
    assert report.table(ROWS).splitlines()[3].split() == ["plain", "1", "12,346", "requests/s"]


def test_the_file_is_named_by_date_and_commit_and_holds_every_figure(tmp_path: Path):
    path = report.save(tmp_path / "results", AT, ROWS, {"commit": "abc1234", "cores": 2})
    assert path.name == "20260301T1230-abc1234.json"
    saved = json.loads(path.read_text())
    assert saved["cores"] == 2
    assert [row["is_met"] for row in saved["rows"]] == [True, False, None]
    assert saved["rows"][0]["figures"]["median"] == 2
    assert saved["rows"][0]["reference"]["count"] == 1
