"""What a container is made of: pure functions from a formation to the body that creates it, and its labels."""

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sternway.core.formation import Containment, Formation, FormationKey, HealthCheck
from sternway.engines.docker import labels
from sternway.engines.docker.builds import artifacts
from sternway.engines.docker.volumes import Mounts

COMMAND = "sternway.command"
PORT = "sternway.port"
GRACE = "sternway.grace"
HEALTH = "sternway.health"

KEPT_BY_ENGINE = "unless-stopped"
"""The restart policy of a process that is wanted; one that is on its way out has another."""
LEFT_TO_ITSELF = "no"
TASKS = 1024
LOG_SIZE = "10m"
LOG_FILES = "3"
NAME_LENGTH = 63
_MIB = 1024 * 1024
_SHELL_SYNTAX = re.compile(r"[|&;<>()$`*?\[\]{}~!#\n\\]|^\s*\w+=")
_SHELL_WORDS = frozenset({"cd", "exec", "export", "set", "trap", "ulimit", "umask", "source", "eval", ".", ":"})


@dataclass(frozen=True, slots=True)
class Berth:
    """What a container is there for, as its labels say it to whoever finds it."""

    key: FormationKey
    slot: int
    release_id: str
    command: str
    port: int | None
    grace_s: float
    health: HealthCheck


@dataclass(frozen=True, slots=True)
class Order:
    """A container that is to be made. `is_once`: it runs once, and nothing starts it again."""

    berth: Berth
    formation: Formation
    is_once: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What the rack lends a container: its network and volumes. `is_published`: it is reached by a port of the host."""

    network: str
    mounts: Mounts
    is_published: bool = False


def berth(formation: Formation, slot: int, release_id: str) -> Berth:
    """Return the berth of a process of a formation."""
    return Berth(
        key=formation.key,
        slot=slot,
        release_id=release_id,
        command=formation.command or "",
        port=formation.port,
        grace_s=formation.grace_s,
        health=formation.health,
    )


def name(rack: str, berth: Berth, suffix: str) -> str:
    """Return a name that says whose container it is; the random suffix keeps it from clashing with any other."""
    whole = f"sternway-{rack[:6]}-{berth.key.app}-{berth.key.service}-{berth.slot}"
    return f"{whole[: NAME_LENGTH - len(suffix) - 1]}-{suffix}"


def body(rack: str, order: Order, place: Place) -> dict[str, Any]:
    """Return what the engine is asked to create. Raises ArtifactGone for what another engine made."""
    formation, contained = order.formation, order.formation.containment
    content: dict[str, Any] = {
        "Image": artifacts.image_id(formation.artifact),
        "Hostname": f"{formation.key.service}-{order.berth.slot}"[:NAME_LENGTH],
        "Env": [f"{key}={value}" for key, value in environment(formation, place.mounts).items()],
        "Labels": _labels(rack, order),
        "StopTimeout": math.ceil(formation.grace_s),
        "HostConfig": _host(order, place),
        "NetworkingConfig": {"EndpointsConfig": {place.network: {"Aliases": [formation.key.service]}}},
    }
    if formation.command:
        content["Cmd"] = words(formation.command)
    if user := _user(contained):
        content["User"] = user
    if place.is_published and formation.port is not None:
        content["ExposedPorts"] = {f"{formation.port}/tcp": {}}
    return content


def environment(formation: Formation, mounts: Mounts) -> Mapping[str, str]:
    """Return every variable; the names of app and release win over declared ones, and PORT over all."""
    given = {} if formation.port is None else {"PORT": str(formation.port)}
    return {**mounts.variables, **formation.environment, **formation.labels, **given}


def words(command: str) -> list[str]:
    """Return a command as the words of a program; one that only a shell understands goes to a shell."""
    try:
        split = shlex.split(command)
    except ValueError:
        split = []
    if not split or _SHELL_SYNTAX.search(command) or split[0] in _SHELL_WORDS:
        return ["/bin/sh", "-c", command]
    return split


def read_labels(found: Mapping[str, str]) -> Berth | None:
    """Return what a container is there for; None if its labels do not say it."""
    try:
        return Berth(
            key=FormationKey(found[labels.APP], found[labels.SERVICE], found[labels.FINGERPRINT]),
            slot=int(found[labels.SLOT]),
            release_id=found[labels.RELEASE],
            command=found.get(COMMAND, ""),
            port=int(found[PORT]) if found.get(PORT) else None,
            grace_s=float(found.get(GRACE, 30.0)),
            health=_read_health(found.get(HEALTH, "{}")),
        )
    except (KeyError, ValueError, TypeError):
        return None


def _read_health(text: str) -> HealthCheck:
    """Read a health check; what a newer version added to it is passed over."""
    content = json.loads(text)
    return HealthCheck(**{each.name: content[each.name] for each in fields(HealthCheck) if each.name in content})


def _labels(rack: str, order: Order) -> Mapping[str, str]:
    """Return what tells a later rack everything about the container. No value of an environment is among it."""
    berth = order.berth
    return {
        labels.RACK: rack,
        labels.KIND: labels.ONE_OFF if order.is_once else labels.FORMATION,
        labels.APP: berth.key.app,
        labels.SERVICE: berth.key.service,
        labels.FINGERPRINT: berth.key.fingerprint,
        labels.SLOT: str(berth.slot),
        labels.RELEASE: berth.release_id,
        labels.BUILD: order.formation.labels.get("BUILD", ""),
        COMMAND: berth.command,
        PORT: "" if berth.port is None else str(berth.port),
        GRACE: f"{berth.grace_s:g}",
        HEALTH: json.dumps(asdict(berth.health)),
    }


def _host(order: Order, place: Place) -> dict[str, Any]:
    formation, contained = order.formation, order.formation.containment
    host: dict[str, Any] = {
        "NetworkMode": place.network,
        "RestartPolicy": {"Name": LEFT_TO_ITSELF if order.is_once else KEPT_BY_ENGINE},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_SIZE, "max-file": LOG_FILES}},
        "PidsLimit": TASKS,
        "Init": contained.has_init,
        "Privileged": contained.is_privileged,
        "ReadonlyRootfs": contained.is_read_only,
        "CapAdd": list(contained.capabilities_added),
        "CapDrop": list(contained.capabilities_dropped),
        "SecurityOpt": list(_security(contained)),
        "Mounts": list(place.mounts.kept),
        "Binds": list(place.mounts.binds),
        **_limits(formation),
    }
    if contained.is_read_only:
        host["Tmpfs"] = {"/tmp": ""}
    if place.is_published and formation.port is not None:
        host["PortBindings"] = {f"{formation.port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    return host


def _limits(formation: Formation) -> Mapping[str, int]:
    """Return the bounds. Memory is memory: none of it may be swapped instead."""
    limits: dict[str, int] = {}
    if formation.limits.memory_mib is not None:
        limits |= {name: formation.limits.memory_mib * _MIB for name in ("Memory", "MemorySwap")}
    if formation.limits.cpu_millis is not None:
        limits["NanoCpus"] = formation.limits.cpu_millis * 1_000_000
    return limits


def _user(contained: Containment) -> str:
    if contained.group is None:
        return "" if contained.user is None else str(contained.user)
    return f"{'' if contained.user is None else contained.user}:{contained.group}"


def _security(contained: Containment) -> Iterator[str]:
    if contained.may_gain_rights is False:
        yield "no-new-privileges"
    if contained.seccomp == "Unconfined":
        yield "seccomp=unconfined"


def is_root(user: str) -> bool:
    """Tell whether the user of an image, `name`, `number` or either with a group, is root."""
    return user.partition(":")[0] in ("", "0", "root")


def last_line(log: bytes) -> str:
    """Return the last line of what a container printed, of an answer that has a frame around each piece."""
    pieces: Sequence[bytes] = list(_pieces(log))
    lines = b"".join(pieces).decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:500] if lines else ""


def _pieces(log: bytes) -> Iterator[bytes]:
    while len(log) >= 8:
        end = 8 + int.from_bytes(log[4:8], "big")
        yield log[8:end]
        log = log[end:]
