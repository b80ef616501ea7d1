"""What a rollback brings back: image, environment, command, scale, mounts, the worker; found out by asking what runs.

Each contender has version one at work, then version two, in which all of that is another, and goes back by its own
command. What runs is asked before, in between and after: nothing is taken from anybody's documentation.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from bench import place
from bench.place import Place

SOURCE = place.APPS / "faithful"
APP = "faithful"
HOST = "web.faithful.localhost"
PORT = 3000
FRESH_S = 5.0
SETTLE_S = 20.0
WORKER_FILE = "/tmp/worker.json"
ASPECTS = ("image", "environment", "command", "scale", "mounts", "worker")
SET = "scale that was set by command"


@dataclass(frozen=True, slots=True)
class Version:
    """What a contender is given to run; `number` is in the image, `word` everywhere else."""

    number: str
    word: str
    count: int
    workers: int

    @property
    def mount(self) -> str:
        """Return where the volume is seen."""
        return f"/srv/{self.word}"


ONE, TWO = Version("1", "one", 2, 2), Version("2", "two", 3, 1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What runs, as it says itself. `worker` is image, environment and command of the worker, empty without one."""

    image: str
    environment: str
    command: str
    scale: int
    mounts: tuple[str, ...]
    worker: tuple[str, ...]
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What came back by which command, by aspect; None for what a contender does not have."""

    contender: str
    command: str
    back: dict[str, bool | None]

    @property
    def is_whole(self) -> bool:
        """Tell whether all of it came back that every contender has."""
        return all(self.back[aspect] for aspect in ASPECTS)


class Contender(Protocol):
    """Somebody who runs versions and goes back."""

    def run(self, version: Version) -> None:
        """Have this version at work."""
        ...

    def look(self) -> Seen:
        """Ask what runs; raises LookupError as long as not everything says the same, or something is silent."""
        ...


def source(here: Place, version: Version) -> Path:
    """Return a source tree of this version."""
    directory = here.directory / f"{APP}-{version.number}"
    if directory.is_dir():
        return directory
    manifest = (SOURCE / "convox.yml").read_text().replace("WORD", version.word).replace("COUNT", str(version.count))
    return place.source(directory, SOURCE, {"convox.yml": manifest, "version.txt": version.number})


def compared(one: Seen, two: Seen, after: Seen) -> dict[str, bool | None]:
    """Return what is as it was; raises ValueError where the versions have something in common, so nothing is shown."""
    same = [name for name in ASPECTS if getattr(one, name) == getattr(two, name)]
    if same:
        raise ValueError(f"both versions have the same {', '.join(same)}")
    found: dict[str, bool | None] = {name: getattr(after, name) == getattr(one, name) for name in ASPECTS}
    return found | {SET: None if one.workers is None else after.workers == one.workers}


def settled(contender: Contender, is_awaited: Callable[[Seen], bool] = lambda seen: True) -> Seen:
    """Look until everything says the same, and as awaited; raises TimeoutError with what there was to see."""
    deadline, problem = time.monotonic() + SETTLE_S, "nothing"
    while time.monotonic() < deadline:
        try:
            seen = contender.look()
        except LookupError as exc:
            problem = str(exc)
        else:
            if is_awaited(seen):
                return seen
            problem = f"only {seen}"
        time.sleep(0.2)
    raise TimeoutError(f"it does not settle: {problem}")


def is_of(version: Version) -> Callable[[Seen], bool]:
    """Return what tells that a version runs whole, its worker too."""
    return lambda seen: (seen.scale, seen.worker) == (version.count, (version.number, version.word, version.word))


def seen(answers: list[dict[str, Any]], worker: dict[str, Any] | None, workers: int | None = None) -> Seen:
    """Put together what processes of web and a worker say; raises LookupError while they do not say the same."""
    said = {(a["image"], a["environment"], a["command"], tuple(a["mounts"])) for a in answers}
    if len(said) != 1:
        raise LookupError(f"{len(said)} different answers")
    ((image, environment, command, mounts),) = said
    fresh = worker and worker["at"] > time.time() - FRESH_S
    by_worker = tuple(worker[name] for name in ASPECTS[:3]) if worker and fresh else ()
    return Seen(image, environment, command, len({a["process"] for a in answers}), mounts, by_worker, workers)


def table(found: list[Fidelity]) -> str:
    """Lay out what came back, a line for each contender and command."""
    columns = (*ASPECTS, SET)
    words = {True: "yes", False: "NO", None: "-"}
    lines: list[tuple[str, ...]] = [("after a rollback: back?", "by", *columns)]
    lines += [(each.contender, each.command, *(words[each.back.get(c)] for c in columns)) for each in found]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def plain(found: list[Fidelity]) -> list[dict[str, Any]]:
    """Return it for the file."""
    return [asdict(each) for each in found]
