"""The rows as a table for people and as a file for later."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from bench.figures import Goal, Kind, Row

HEADER = ("what", "n", "median", "p95", "p99", "beside", "median", "ratio", "goal", "")
_ON_THE_LEFT = {0, 5, 8, 9}


def table(rows: Iterable[Row]) -> str:
    """Lay the rows out."""
    lines = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(_laid_out(line, widths) for line in lines)


def save(directory: Path, at: datetime, rows: Sequence[Row], about: dict[str, object]) -> Path:
    """Write all that is known into one file, named by date and commit, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    content = {"at": at.isoformat(timespec="seconds"), **about, "rows": [_plain(row) for row in rows]}
    path = directory / f"{at:%Y%m%dT%H%M}-{about['commit']}.json"
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _plain(row: Row) -> dict[str, object]:
    return asdict(row) | {"ratio": row.ratio, "excess": row.excess, "is_met": row.is_met}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        str(row.figures.count),
        _amount(row.figures.median, row.unit),
        *("" if row.figures.count == 1 else _amount(value, row.unit) for value in (row.figures.p95, row.figures.p99)),
        row.beside,
        "" if row.reference is None else _amount(row.reference.median, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.goal is None else _wanted(row.goal, row.unit),
        {True: "met", False: "MISSED", None: ""}[row.is_met],
    )


def _wanted(goal: Goal, unit: str) -> str:
    match goal.kind:
        case Kind.RATIO:
            return f"ratio <= {goal.most:g}"
        case Kind.EXCESS:
            return f"<= +{goal.most:g} {unit}".rstrip()
        case Kind.MEDIAN:
            return f"<= {goal.most:g} {unit}".rstrip()


def _amount(value: float, unit: str) -> str:
    digits = 0 if value == int(value) or value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _laid_out(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column in _ON_THE_LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
