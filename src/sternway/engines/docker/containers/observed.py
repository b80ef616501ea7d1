"""One container as the engine describes it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sternway.engines.docker import labels
from sternway.engines.docker.containers import creation

_FRACTION = re.compile(r"\.(\d{1,6})\d*")
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Container:
    """What an engine says of a container. `started_at` names its run, and is empty before the first.

    `is_up`: it runs, or is paused; `is_pausing`: the engine itself is going to start it again; neither: it is up to
    us. `is_wanted`: it is not on its way out. `is_paused`: it is up, and kept from running. `host_port` is the one
    that it is published at.
    """

    id: str
    berth: creation.Berth
    created_at: datetime
    is_wanted: bool
    is_up: bool = False
    is_pausing: bool = False
    is_paused: bool = False
    started_at: str = ""
    exit_code: int = 0
    error: str = ""
    is_out_of_memory: bool = False
    memory_mib: int | None = None
    restarts: int = 0
    address: str = ""
    host_port: str = ""

    @property
    def is_fresh(self) -> bool:
        """Tell whether nobody has tried to start it yet."""
        return not (self.is_up or self.is_pausing or self.started_at or self.exit_code or self.error)

    @property
    def has_run(self) -> bool:
        """Tell whether there ever was a run of it, whatever came of that; where there was none, nothing was printed."""
        return self.is_up or self.is_pausing or bool(self.started_at)

    @property
    def is_down(self) -> bool:
        """Tell whether it ended, or could not be started, and its engine leaves it at that."""
        return not (self.is_up or self.is_pausing or self.is_fresh)

    @property
    def endpoint(self) -> str | None:
        """Return where it is reached; None while there is nothing to reach."""
        if self.berth.port is None:
            return None
        if self.host_port:
            return f"127.0.0.1:{self.host_port}"
        return f"{self.address}:{self.berth.port}" if self.address else None

    @property
    def run_at(self) -> datetime:
        """Return when its run began; before the first, when it was made."""
        return moment(self.started_at) if self.started_at else self.created_at

    def exit_words(self, last_line: str) -> str:
        """Say how it ended, with the last thing that it or the engine said."""
        if self.is_out_of_memory and self.memory_mib is not None:
            return f"killed: out of memory (limit {self.memory_mib} MiB)"
        said = self.error or last_line
        return f"exited with code {self.exit_code}: {said}" if said else f"exited with code {self.exit_code}"


def read(found: Mapping[str, Any], rack: str) -> Container | None:
    """Read what the engine answers about a container; None for one that is no process of the rack's formations."""
    config, state, host = found["Config"], found["State"], found["HostConfig"]
    marks = config.get("Labels") or {}
    berth = creation.read_labels(marks)
    if berth is None or (marks.get(labels.RACK), marks.get(labels.KIND)) != (rack, labels.FORMATION):
        return None
    is_pausing = bool(state.get("Restarting"))
    return Container(
        id=found["Id"],
        berth=berth,
        created_at=moment(found["Created"]),
        is_wanted=(host.get("RestartPolicy") or {}).get("Name") == creation.KEPT_BY_ENGINE,
        is_up=bool(state.get("Running")) and not is_pausing,
        is_pausing=is_pausing,
        is_paused=bool(state.get("Paused")),
        started_at=_run(state.get("StartedAt", "")),
        exit_code=int(state.get("ExitCode") or 0),
        error=_said(state.get("Error") or ""),
        is_out_of_memory=bool(state.get("OOMKilled")),
        memory_mib=int(host.get("Memory") or 0) // _MIB or None,
        restarts=int(found.get("RestartCount") or 0),
        address=_address(found["NetworkSettings"]),
        host_port=_host_port(found["NetworkSettings"]),
    )


def moment(text: str) -> datetime:
    """Read a time as engines write it, with up to nine digits after the point."""
    return datetime.fromisoformat(_FRACTION.sub(lambda digits: f".{digits[1]:<06}", text)).astimezone(UTC)


def _run(started_at: str) -> str:
    return "" if started_at.startswith("0001-") else started_at


def _said(error: str) -> str:
    """Return what went wrong without the parts of an engine that passed it on."""
    for part in ("starting container process caused: ", "unable to start container process: "):
        error = error.rpartition(part)[2]
    return " ".join(error.removesuffix(": unknown").split())


def _address(settings: Mapping[str, Any]) -> str:
    networks = (settings.get("Networks") or {}).values()
    return next((each["IPAddress"] for each in networks if each.get("IPAddress")), "")


def _host_port(settings: Mapping[str, Any]) -> str:
    published = (settings.get("Ports") or {}).values()
    return next((each[0]["HostPort"] for each in published if each and each[0].get("HostIp") == "127.0.0.1"), "")
