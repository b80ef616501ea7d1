"""A rack that dies when told, what it has acknowledged, and whether it keeps to that."""

import base64
import http.client
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scripts.faults import witness
from scripts.faults.containers import Engine
from scripts.faults.witness import Witness
from scripts.rack_process import RackProcess
from sternway.core.crossing import Crossing
from sternway.core.event import Event, first_break

DIE_AT = "STERNWAY_DIE_AT"
POLL_S = 0.03
TIMEOUT_S = 15.0
OPEN = ("pending", "updating", "reverting")


class Unanswered(Exception):
    """The rack went away before it answered: whether it did what was asked is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rack said."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        if self.status != 200:
            raise RuntimeError(f"status {self.status}: {self.text}")
        return json.loads(self.body)


class Rig:
    """One rack over one directory, killed and started again any number of times.

    Its apps are processes, or containers of the Docker engine at the address that is given.
    """

    def __init__(self, directory: Path, mark: str, docker_host: str | None = None) -> None:
        self.mark = mark
        self._order = directory / "die-at"
        self.rack = _rack(directory / "rack", docker_host, {DIE_AT: str(self._order)})
        self.unpacked = self.rack.data / ("docker" if docker_host else "engine") / "building"
        """Where builds unpack what they are made of."""
        self._witness = _witness(self.rack.data, mark, docker_host)
        self.acknowledged: dict[str, dict[str, object]] = {}
        """What the rack said is there, by path, and what it has to say about it from then on."""
        self._fresh: set[str] = set()

    @contextmanager
    def running(self) -> Iterator["Rig"]:
        """Have the rack run inside the block, and nothing of it after."""
        with self.rack.running():
            yield self

    # --- dying ---

    def die_at(self, crossing: Crossing) -> None:
        """Have the rack kill itself with SIGKILL the next time it passes there, and not again."""
        self._order.write_text(crossing)

    def has_passed(self) -> bool:
        """Tell whether the order was carried out."""
        return not self._order.exists()

    def forget_order(self) -> None:
        self._order.unlink(missing_ok=True)

    # --- asking ---

    def call(self, method: str, path: str, fields: Mapping[str, object] | None = None, body: bytes = b"") -> Answer:
        """Send one request, once; raises Unanswered."""
        parts = urlsplit(self.rack.url)
        headers = {"Authorization": "Basic " + base64.b64encode(f"rack:{parts.password}".encode()).decode()}
        headers["Accept"] = "application/json"
        if fields is not None:
            body, headers["Content-Type"] = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)) as connection:
            try:
                connection.request(method, path, body=body or None, headers=headers)
                answer = connection.getresponse()
                return Answer(answer.status, answer.read())
            except (OSError, http.client.HTTPException) as exc:
                raise Unanswered(str(exc)) from exc

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def acknowledge(self, path: str, **members: object) -> None:
        """Remember that the rack said that this is there, and what has to become of it."""
        self.acknowledged[path] = members
        self._fresh.add(path)

    # --- what an app is made of ---

    def build(self, app: str, archive: bytes) -> str:
        """Upload and order a build, and return its id."""
        url = self.call("POST", f"/apps/{app}/objects/{quote(f'tmp/{time.monotonic_ns()}.tgz')}", body=archive)
        ordered = self.call("POST", f"/apps/{app}/builds", {"url": url.json()["Url"]})
        build = str(ordered.json()["id"])
        self.acknowledge(f"/apps/{app}/builds/{build}")
        return build

    def built(self, app: str, build: str) -> Any:
        """Wait until a build has ended, and return it."""
        return wait_for(lambda: _ended_build(self.get(f"/apps/{app}/builds/{build}")))

    def release(self, app: str, **fields: str) -> str:
        release = str(self.call("POST", f"/apps/{app}/releases", fields).json()["id"])
        self.acknowledge(f"/apps/{app}/releases/{release}")
        return release

    def promote(self, app: str, release: str, ends: str = "completed", **fields: object) -> int:
        """Promote and return the number of the attempt, which has to end as `ends` says."""
        promotion = int(self.call("POST", f"/apps/{app}/releases/{release}/promote", fields).json()["id"])
        self.acknowledge(f"/apps/{app}/promotions/{promotion}", status=ends)
        return promotion

    def roll_back(self, app: str, release: str, **fields: object) -> str:
        """Roll back and return the id of the copy."""
        copy = str(self.call("POST", f"/apps/{app}/releases/{release}/rollback", fields).json()["id"])
        self.acknowledge(f"/apps/{app}/releases/{copy}")
        return copy

    def promoted(self, app: str, promotion: int) -> Any:
        """Wait until an attempt has ended, and return it."""
        return wait_for(lambda: _ended_promotion(self.get(f"/apps/{app}/promotions/{promotion}?wait=5&after=999")))

    def active(self, app: str) -> str:
        return str(self.get(f"/apps/{app}")["release"])

    # --- what has to hold ---

    def unsettled(self, app: str) -> str:
        """Say what has yet to come to an end, or nothing once all is as the ledger says and nothing else runs."""
        promotions = self.get(f"/apps/{app}/promotions?limit=1")
        if promotions and promotions[0]["status"] in OPEN:
            return f"promotion {promotions[0]['id']} is {promotions[0]['status']}"
        if any(build["status"] == "running" for build in self.get(f"/apps/{app}/builds?limit=5")):
            return "a build has not ended"
        return self._wrong_processes(app)

    def _wrong_processes(self, app: str) -> str:
        found = self.get(f"/apps/{app}/processes")
        if wrong := _wrong_commands([process for process in found if process["one-off"]]):
            return wrong
        listed = [process for process in found if not process["one-off"]]
        wanted = sum(service["count"] for service in self.get(f"/apps/{app}/services"))
        stands_by = self.get(f"/apps/{app}")["parameters"]["Standby"] != "off"
        at_work = [process["status"] for process in listed if not (stands_by and process["status"] == "standby")]
        if at_work != ["running"] * wanted:
            return f"{wanted} processes wanted, there are {[process['status'] for process in listed]}"
        return self._witness.contradiction([process["id"] for process in listed])

    def settle(self, app: str, within_s: float = TIMEOUT_S) -> None:
        """Wait until nothing is left to do; raises RuntimeError that says what is."""
        deadline = time.monotonic() + within_s
        while left := self.unsettled(app):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not settled after {within_s:g} s: {left}")
            time.sleep(POLL_S)

    def lost(self, *, is_thorough: bool = False) -> list[str]:
        """Return what was acknowledged, since the last time or ever, and is not there or not as it has to be."""
        looked_for = self.acknowledged.keys() if is_thorough else self.acknowledged.keys() & self._fresh
        found = [path for path in looked_for if not self._is_kept(path, self.acknowledged[path])]
        self._fresh.clear()
        return found

    def _is_kept(self, path: str, members: Mapping[str, object]) -> bool:
        answer = self.call("GET", path)
        if answer.status != 200:
            return False
        content = answer.json()
        return bool(members.items() <= (content[0] if isinstance(content, list) else content).items())

    def broken_chains(self) -> dict[str, int]:
        """Return the first position of each chain of events that does not follow from the one before."""
        with closing(sqlite3.connect(f"file:{self.rack.data / 'store' / 'rack.db'}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT chain, position, body, previous_hash, hash FROM events ORDER BY 1, 2")
            chains: dict[str, list[Event]] = {}
            for row in rows:
                chains.setdefault(row[0], []).append(Event(*row))
        breaks = {chain: first_break(events) for chain, events in chains.items()}
        return {chain: position for chain, position in breaks.items() if position is not None}


def _wrong_commands(once: list[Any]) -> str:
    """Say which release command still runs, or was started twice."""
    running = [process["id"] for process in once if process["status"] == "running"]
    started = [(process["release"], process["command"]) for process in once]
    twice = sorted({each for each in started if started.count(each) > 1})
    return f"commands run: {running}" if running else f"started more than once: {twice}" if twice else ""


def _rack(data: Path, docker_host: str | None, variables: Mapping[str, str]) -> RackProcess:
    if docker_host is None:
        return RackProcess(data, variables=variables)
    return RackProcess(data, engine="docker", variables={**variables, "DOCKER_HOST": docker_host})


def _witness(data: Path, mark: str, docker_host: str | None) -> Witness:
    return witness.Docker(data, Engine(docker_host)) if docker_host else witness.Kernel(data, mark)


def wait_for(look: Any, within_s: float = TIMEOUT_S) -> Any:
    """Return the first thing that `look` finds; raises RuntimeError when the time is up."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {within_s:g} s in vain")
        time.sleep(POLL_S)
    return found


def _ended_build(build: Any) -> Any:
    return None if build["status"] == "running" else build


def _ended_promotion(promotion: Any) -> Any:
    return None if promotion["status"] in OPEN else promotion
