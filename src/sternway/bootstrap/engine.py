"""Which engine runs the apps of a rack, and the parts of it.

A rack stays with the engine that it began with: what one engine runs, another cannot see.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sternway import files
from sternway.core.errors import InvalidInput, Refused
from sternway.core.registry import Registries
from sternway.home import Home
from sternway.ports import Builder, Clock, Engine, Logs, Processes, Secrets

PROCESS, DOCKER, AUTO, MEMORY = "process", "docker", "auto", "memory"
KINDS = (PROCESS, DOCKER, AUTO)


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an engine brings."""

    engine: Engine
    builder: Builder
    processes: Processes
    logs: Logs


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an engine may need of the rack that it works for."""

    home: Home
    clock: Clock
    secrets: Secrets
    registries: Callable[[], Awaitable[Registries]]


def choose(asked: str | None, home: Home) -> str:
    """Return the kind of engine for this rack: the one that it has, else the one that is asked for.

    `auto` is Docker where an engine answers, and processes elsewhere; nothing asked is processes. Raises
    Refused for another kind than the rack has, and InvalidInput for a file that names none.
    """
    kept = _kept(home)
    if kept is None:
        return _found() if asked == AUTO else asked or PROCESS
    if asked not in (None, AUTO, kept):
        raise Refused(
            f"--engine: the apps of this rack run on the {kept} engine",
            hint=f"take them down first, and deploy them anew after: sternwayd --data {home.root} --dismantle",
        )
    return kept


def keep(kind: str, home: Home) -> None:
    """Remember the kind of engine that this rack has."""
    if _kept(home) != kind:
        files.replace(home.engine_kind, f"{kind}\n".encode(), is_durable=True)


def forget(home: Home) -> None:
    """Let the next start choose again, once nothing runs any more."""
    home.engine_kind.unlink(missing_ok=True)


def parts(kind: str, around: Surroundings) -> EngineParts:
    """Return the parts of an engine. Only those of the chosen one are imported."""
    makers = {PROCESS: _process, DOCKER: _docker, MEMORY: _memory}
    return makers[kind](around)


def _kept(home: Home) -> str | None:
    with contextlib.suppress(FileNotFoundError):
        kind = home.engine_kind.read_text(errors="replace").strip()
        if kind not in (PROCESS, DOCKER):
            raise InvalidInput(f"{home.engine_kind} names no engine", hint=f"write {PROCESS} or {DOCKER} into it")
        return kind
    return PROCESS if home.engine.exists() else None  # a rack of before there was a choice


def _found() -> str:
    from sternway.engines.docker import presence

    return DOCKER if presence.answers(presence.address()) else PROCESS


def _process(around: Surroundings) -> EngineParts:
    from sternway.engines.process.builder import ProcessBuilder
    from sternway.engines.process.engine import ProcessEngine
    from sternway.engines.process.logs import ProcessLogs
    from sternway.engines.process.single import SingleProcesses

    data = around.home.engine
    engine = ProcessEngine(data, clock=around.clock)
    return EngineParts(
        engine=engine,
        builder=ProcessBuilder(data),
        processes=SingleProcesses(engine, data, clock=around.clock),
        logs=ProcessLogs(data, clock=around.clock),
    )


def _memory(around: Surroundings) -> EngineParts:
    from sternway.engines.formations_only import FormationsOnly
    from sternway.engines.memory import MemoryBuilder, MemoryEngine, MemoryLogs

    engine = MemoryEngine(around.clock)
    return EngineParts(engine, MemoryBuilder(), FormationsOnly(MEMORY), MemoryLogs(engine.world))


def _docker(around: Surroundings) -> EngineParts:
    from sternway.engines.docker import labels, presence
    from sternway.engines.docker.builds.builder import DockerBuilder
    from sternway.engines.docker.builds.images import Images
    from sternway.engines.docker.calls.connection import Connection
    from sternway.engines.docker.engine import DockerEngine
    from sternway.engines.docker.inside.processes import DockerProcesses
    from sternway.engines.docker.logs.reader import DockerLogs

    data = around.home.docker
    rack = around.secrets.fingerprint(labels.RACK_CONTEXT)[: labels.RACK_LENGTH]
    connection = Connection(presence.address())
    images = Images(connection, rack, around.registries)
    return EngineParts(
        engine=DockerEngine(connection, rack, images, data=data, clock=around.clock),
        builder=DockerBuilder(connection, rack, images, data=data),
        processes=DockerProcesses(connection, rack, images, data=data, clock=around.clock),
        logs=DockerLogs(connection, rack, clock=around.clock),
    )
