"""`make bench`: run the measurements, print a table, and keep everything in one file."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import (
    contenders,
    docker,
    fidelity,
    idle,
    listing,
    load,
    machine,
    report,
    rollback,
    start,
    throughput,
    versions,
    warm,
    writing,
)
from bench.fidelity import Fidelity
from bench.figures import Row
from bench.place import Place

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
SCRATCH = ROOT / "bench" / "tmp"

MEASUREMENTS: dict[str, Callable[[Place], list[Row]]] = {
    "rollback": rollback.measure,
    "warm": warm.measure,
    "load": load.measure,
    "releases": listing.measure,
    "start": start.measure,
    "idle": idle.measure,
    "throughput": throughput.measure,
    "write": writing.measure,
    "docker": docker.measure,
    "versions": versions.measure,
}
FIDELITY = "fidelity"
"""What no figure says: a table of yes and no, made with `warm`, or by itself."""


def main() -> int:
    arguments = _parser().parse_args()
    at, ticks, load_before = datetime.now(UTC), machine.Ticks.now(), machine.load()
    facts = machine.facts()
    print(_headline(facts, load_before), flush=True)
    chosen = arguments.only or [*MEASUREMENTS]
    rows = [row for name in chosen if name in MEASUREMENTS for row in _measured(name, is_quick=arguments.quick)]
    faithful = _faithful() if {FIDELITY, "warm"}.intersection(chosen) else []
    about = facts | {
        "fidelity": fidelity.plain(faithful),
        "is_quick": arguments.quick,
        "load_before": load_before,
        "load_after": machine.load(),
        "stolen_percent": machine.Ticks.now().stolen_percent_since(ticks),
    }
    path = report.save(SCRATCH if arguments.quick else RESULTS, at, rows, about)
    print(_footer(about, path))
    is_lacking = any(each.contender.startswith("Sternway") and not each.is_whole for each in faithful)
    return 1 if is_lacking or any(row.is_met is False for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[*MEASUREMENTS, FIDELITY], help="measure only this; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds, to try it out; kept in bench/tmp")
    return parser


def _headline(facts: dict[str, object], load_now: list[float]) -> str:
    changed = " with changes" if facts["is_changed_since"] else ""
    return (
        f"{facts['cores']} cores of {facts['cpu']}, kernel {facts['kernel']}, Python {facts['python']}, "
        f"load average {load_now[0]}, commit {facts['commit']}{changed}"
    )


def _footer(about: dict[str, Any], path: Path) -> str:
    before, after = about["load_before"][0], about["load_after"][0]
    return (
        f"\nload average {before} before and {after} after; {about['stolen_percent']} % of the busy time was stolen"
        f"\nall figures: {path.relative_to(ROOT)}"
    )


def _measured(name: str, *, is_quick: bool) -> list[Row]:
    measure = MEASUREMENTS[name]
    about = (sys.modules[measure.__module__].__doc__ or "").strip()
    print(f"\n== {name}: {about}", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"sternway-bench-{name}-") as directory:
        rows = measure(Place(Path(directory), is_quick))
    print(f"\n{report.table(rows)}", flush=True)
    return rows


def _faithful() -> list[Fidelity]:
    print(f"\n== {FIDELITY}: {(fidelity.__doc__ or '').strip()}", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"sternway-bench-{FIDELITY}-") as directory:
        found = contenders.measure(Place(Path(directory), is_quick=False))
    print(f"\n{fidelity.table(found)}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
