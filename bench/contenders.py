"""Everybody whose fidelity is found out, and the first of them: Sternway, on either engine."""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

from bench import peers, place
from bench.fidelity import (
    APP,
    HOST,
    ONE,
    TWO,
    WORKER_FILE,
    Fidelity,
    Seen,
    Version,
    compared,
    is_of,
    seen,
    settled,
    source,
)
from bench.place import Place, RackInUse
from bench.visit import answers_of
from sternway.engines.docker import presence
from sternway.wire import routes, types

SETTINGS = " --settings"


def measure(here: Place) -> list[Fidelity]:
    """Find it out for every contender that can run here."""
    found = list(_sternway(here, "process"))
    engine = presence.address()
    if not presence.answers(engine):
        print(f"left out: no Docker engine answers at {engine}; scripts/with_docker.sh starts one", flush=True)
        return found
    os.environ["DOCKER_HOST"] = engine
    subprocess.run([place.ROOT / "scripts" / "images.sh"], check=True)
    for each in itertools.chain(_sternway(here, "docker"), peers.measure(here)):
        print(f"{each.contender}, {each.command}: seen", flush=True)
        found.append(each)
    return found


def _sternway(here: Place, engine: str) -> Iterator[Fidelity]:
    with here.rack(f"faithful-{engine}", engine=engine) as rack:
        sternway = Sternway(here, rack)
        sternway.run(ONE)
        one, first = settled(sternway, is_of(ONE)), sternway.active()
        sternway.run(TWO)
        two, second = settled(sternway, is_of(TWO)), sternway.active()
        named = "processes" if engine == "process" else "Docker"
        # With settings first: the older release is then beside the scale of its time once more.
        for more in (SETTINGS, ""):
            after = sternway.after_rollback(first, more)
            back = compared(one, two, after)
            yield Fidelity(f"Sternway on {named}", f"releases rollback{more}", back)
            sternway.after_rollback(second, SETTINGS)


class Sternway:
    """Fills `Contender` by the product's commands; the worker's scale is set by one, that of web by the manifest."""

    def __init__(self, here: Place, rack: RackInUse) -> None:
        self._here = here
        self._rack = rack
        rack.process.sternway("apps", "create", APP)

    def run(self, version: Version) -> None:
        """Deploy it with its environment, then set the scale of the worker."""
        self._command("env", "set", f"SETTING={version.word}")
        self._command("deploy", str(source(self._here, version)))
        self._command("scale", "worker", "--count", str(version.workers), "--wait")

    def active(self) -> str:
        """Return the active release."""
        return self._rack.api.fetch(types.App, routes.app(APP)).release

    def after_rollback(self, release: str, more: str) -> Seen:
        """Go back by the command, which waits until it is done, and return what there is to see then."""
        self._command("releases", "rollback", release, *more.split())
        return settled(self, lambda seen: bool(seen.worker))

    def look(self) -> Seen:
        """Ask the app through the router, and the worker by `exec`."""
        listed = self._rack.api.fetch_all(types.Process, routes.processes(APP))
        workers = [process for process in listed if process.name == "worker" and process.status == "running"]
        return seen(answers_of(self._rack.process.router_port, HOST), self._worker(), len(workers))

    def _worker(self) -> dict[str, Any] | None:
        try:
            said = self._command("exec", "worker", "--", "cat", WORKER_FILE)
        except subprocess.CalledProcessError:
            return None
        found: dict[str, Any] = json.loads(said)
        return found

    def _command(self, *words: str) -> str:
        return self._rack.process.sternway(words[0], "-a", APP, *words[1:])
