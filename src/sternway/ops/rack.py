"""The rack as the use cases see it: its parts, and what is set for it."""

import asyncio
from dataclasses import dataclass, field

from sternway.core.crossing import Cross, go_on
from sternway.core.formation import ProcessState
from sternway.core.target import Place
from sternway.ops.attempts import Attempts
from sternway.ops.changes import Changes
from sternway.ops.fingerprints import Fingerprints
from sternway.ops.shutdown import Shutdown
from sternway.ops.transcripts import Transcripts
from sternway.ports import (
    Builder,
    Clock,
    Engine,
    Ids,
    Journal,
    Logs,
    Objects,
    Processes,
    Repositories,
    Router,
    Secrets,
    Store,
    Traffic,
    Versions,
)

FETCHED_AT_ONCE = 2
"""How many repositories are fetched side by side."""


@dataclass(frozen=True, slots=True)
class RackSettings:
    """What is fixed while a rack runs. `domain` ends the hosts of apps, `rack_domain` is where the API answers.

    `router_port` is where apps answer; it is part of the addresses that people are shown. `process` is the
    rack's own, None where it has none to itself. `memory_mib` and `cpus` are what the machine has, 0 if not known.
    """

    name: str
    version: str
    domain: str = "localhost"
    rack_domain: str = "localhost"
    router_port: int = 80
    provider: str = "local"
    region: str = ""
    process: ProcessState | None = None
    memory_mib: int = 0
    cpus: int = 0


@dataclass(frozen=True, slots=True)
class Rack:
    """Everything a use case may need. Adapters are chosen by `bootstrap`."""

    settings: RackSettings
    store: Store
    objects: Objects
    engine: Engine
    builder: Builder
    processes: Processes
    logs: Logs
    journal: Journal
    router: Router
    traffic: Traffic
    repositories: Repositories
    versions: Versions
    clock: Clock
    ids: Ids
    secrets: Secrets
    changes: Changes
    transcripts: Transcripts
    shutdown: Shutdown
    cross: Cross = go_on
    attempts: Attempts = field(default_factory=Attempts)
    fetches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHED_AT_ONCE))
    fingerprints: Fingerprints = field(default_factory=Fingerprints)

    def place(self) -> Place:
        """Return what every release on this rack shares."""
        return Place(self.settings.name, self.settings.domain, self.secrets.fingerprint)
