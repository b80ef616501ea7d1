"""The start of the command line: `sternway version` over the bare interpreter, beside other command lines."""

import sys
from collections.abc import Callable
from pathlib import Path

from bench import machine, place
from bench.figures import Figures, Goal, Kind, Row, interleaved
from bench.place import Place

BARE = "bare interpreter"
WITHOUT = "sternway version, no rack"
WITH = "sternway version, with a rack"
OTHERS = {
    "docker": ["docker", "version", "--format", "{{.Client.Version}}"],
    "kubectl": ["kubectl", "version", "--client"],
}
GOAL = Goal(Kind.EXCESS, 60)


def measure(here: Place) -> list[Row]:
    """Run each in turn, with an empty home; what is not on this machine is left out."""
    home = here.directory / "home"
    home.mkdir()
    with here.rack() as rack:
        figures = interleaved(here.rounds(25, 5), _commands(home, rack.process.url))
    return [_row(name, figures) for name in figures if name != BARE]


def _commands(home: Path, rack_url: str) -> dict[str, Callable[[], float]]:
    ours, alone = [str(place.BIN / "sternway"), "version"], place.bare_environment(home)

    def timed(command: list[str], environment: dict[str, str]) -> Callable[[], float]:
        return lambda: place.run_ms(command, environment, home)

    others = {" ".join(c[:3]): timed(c, alone) for name, c in OTHERS.items() if machine.has_program(name)}
    return {
        BARE: timed([sys.executable, "-c", "pass"], alone),
        WITHOUT: timed(ours, alone),
        WITH: timed(ours, alone | {"RACK_URL": rack_url}),
        **others,
    }


def _row(name: str, figures: dict[str, Figures]) -> Row:
    is_ours = name in (WITHOUT, WITH)
    return Row("start", name, "ms", figures[name], BARE, figures[BARE], GOAL if is_ours else None)
