"""Formations: the processes of one service at one fingerprint, as one thing.

This is the vocabulary that the planner, the engines and the router share. `Formation` says what to run;
`FormationState` says what an engine saw; `Route` says where requests go.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sternway.core.environment import Environment


@dataclass(frozen=True, slots=True, order=True)
class FormationKey:
    """What tells formations apart. The same content has the same key, whichever release asks for it."""

    app: str
    service: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """When a process counts as healthy. Without a path: once it has been up for `settle_s`.

    `failing_after_s` is how long after its start a process may stay unhealthy before its rollout fails.
    """

    path: str | None = None
    interval_s: float = 5.0
    timeout_s: float = 4.0
    grace_s: float = 5.0
    settle_s: float = 1.0
    failing_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process: thousandths of a core, and MiB."""

    cpu_millis: int | None = None
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory that outlives processes. `source` is None for one that the rack keeps for the app."""

    target: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Containment:
    """What the container of a process is like, on engines that have containers; None is the engine's own way.

    `capabilities_*` and `seccomp` (RuntimeDefault or Unconfined) are the kernel's.
    """

    user: int | None = None
    group: int | None = None
    must_not_be_root: bool = False
    is_read_only: bool = False
    may_gain_rights: bool | None = None
    capabilities_added: tuple[str, ...] = ()
    capabilities_dropped: tuple[str, ...] = ()
    seccomp: str | None = None
    is_privileged: bool = False
    has_init: bool = True


@dataclass(frozen=True, slots=True)
class Formation:
    """Everything an engine needs to start one more process of it.

    `environment` is what the service declared; `labels` are the variables that name where it came from
    (APP, RELEASE, …), which are not part of the content. `port` is the one that the manifest declares.
    """

    key: FormationKey
    artifact: str
    command: str | None
    environment: Environment
    labels: Mapping[str, str]
    release_id: str
    port: int | None = None
    health: HealthCheck = HealthCheck()
    limits: Limits = Limits()
    volumes: tuple[Volume, ...] = ()
    grace_s: float = 30.0
    containment: Containment = Containment()


class Health(StrEnum):
    """How one process is.

    FAILED: it exited, and may be started again by its engine after a pause. FROZEN: it is kept from running,
    just as it is, until its engine is asked for it again.
    """

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    FAILED = "failed"
    STOPPING = "stopping"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process as its engine saw it.

    `slot` counts from 0 within the formation; a retirement keeps the lowest. `endpoint` is what the router
    dials, opaque to everything between, and None while there is nothing to dial. `exits` counts how often
    it ended by itself; `detail` says why it is not healthy.
    """

    id: str
    slot: int
    health: Health
    started_at: datetime
    endpoint: str | None = None
    exits: int = 0
    detail: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class FormationState:
    """A formation that is present in an engine, with `release_id` as of its first start."""

    key: FormationKey
    release_id: str
    processes: tuple[ProcessState, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One process that takes requests."""

    formation: FormationKey
    endpoint: str


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """How the requests of a route are treated.

    `is_sticky`: a client stays with its process as long as that takes requests. `timeout_s`: how long an
    answer may take to begin; how long it then lasts is not limited. `clients`: the networks that may ask,
    in CIDR form; all, if there are none.
    """

    is_sticky: bool = False
    timeout_s: int = 60
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where the requests for these hosts go: evenly over the members. No members: 503.

    A host that begins with `*.` stands for all below it that no route names.
    """

    service: str
    hosts: tuple[str, ...]
    members: tuple[Member, ...]
    options: RouteOptions = RouteOptions()


def fingerprint_content(formation: Formation) -> bytes:
    """Return the canonical bytes of what changes a running process.

    Never release or build ids, scale, health settings or domains: two releases with the same content have
    the same bytes. They hold environment values, so only a keyed hash of them may leave this process.
    """
    content: dict[str, object] = {
        "app": formation.key.app,
        "service": formation.key.service,
        "artifact": formation.artifact,
        "command": formation.command,
        "environment": dict(formation.environment),
        "port": formation.port,
        "limits": [formation.limits.cpu_millis, formation.limits.memory_mib],
        "volumes": [[v.source, v.target] for v in formation.volumes],
    }
    if formation.containment != Containment():
        content["containment"] = asdict(formation.containment)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
