"""The parts of a rack, put together. Nothing is opened or started here."""

import argparse
import contextlib
import functools
import os
import shlex
import signal
import sys
from pathlib import Path

from sternway import __version__
from sternway.bootstrap import engine as engines
from sternway.bootstrap.address import Address
from sternway.channel.versions import RackVersions
from sternway.clock import RandomIds, SystemClock
from sternway.core.crossing import Cross, Crossing, go_on
from sternway.core.formation import Health, ProcessState
from sternway.home import Home
from sternway.launcher.files import Files
from sternway.objects import FileObjects
from sternway.ops import parameters, registries
from sternway.ops.changes import Changes
from sternway.ops.rack import Rack, RackSettings
from sternway.ops.shutdown import Shutdown
from sternway.ops.transcripts import Transcripts
from sternway.ports import Clock, Journal
from sternway.repositories import GitRepositories
from sternway.router.caddy import configuration
from sternway.router.caddy.router import CaddyRouter
from sternway.router.memory import MemoryRouter
from sternway.secrets import KeyFile
from sternway.store import apart, dialect, stranded
from sternway.store.ledger import SqlStore

DIE_AT = "STERNWAY_DIE_AT"
"""For tests: a file that names a crossing. The rack that passes it removes the file and kills itself there."""


def compose(arguments: argparse.Namespace, home: Home, addresses: tuple[Address, Address], recent: Journal) -> Rack:
    """Choose the adapters. `addresses` are where the API answers, and where apps do."""
    home.check_key()
    api, router_listen = addresses
    clock = SystemClock()
    key = KeyFile(home.key)
    store = SqlStore(home.store, key, upgrade=apart.upgrade)
    around = engines.Surroundings(home, clock, key, functools.partial(registries.known, store))
    parts = engines.parts(_kind(arguments, home), around)
    router = _router(arguments, home, addresses, clock)
    return Rack(
        settings=RackSettings(
            name=arguments.name,
            version=__version__,
            domain=arguments.domain,
            rack_domain=str(api),
            router_port=router_listen.port,
            process=_own_process(clock),
            memory_mib=_memory_mib(),
            cpus=os.cpu_count() or 0,
        ),
        store=store,
        objects=FileObjects(home.objects),
        engine=parts.engine,
        builder=parts.builder,
        processes=parts.processes,
        logs=parts.logs,
        journal=recent,
        router=router,
        traffic=router,
        repositories=GitRepositories(),
        versions=_versions(arguments, home, store),
        clock=clock,
        ids=RandomIds(),
        secrets=key,
        changes=Changes(),
        transcripts=Transcripts(),
        shutdown=Shutdown(),
        cross=_cross(os.environ.get(DIE_AT)),
    )


def _kind(arguments: argparse.Namespace, home: Home) -> str:
    if arguments.trial:
        return engines.MEMORY
    return engines.choose(None if arguments.dismantle else arguments.engine, home)


def _router(
    arguments: argparse.Namespace, home: Home, addresses: tuple[Address, Address], clock: Clock
) -> CaddyRouter | MemoryRouter:
    if arguments.trial:
        return MemoryRouter()
    api, listen = addresses
    return CaddyRouter(home.router, str(listen), clock, api=_held_api(arguments, home, api))


def _held_api(arguments: argparse.Namespace, home: Home, api: Address) -> configuration.Api | None:
    """Return where the router answers for the API of a rack that a launcher moves between versions."""
    if not arguments.launched:
        return None
    return configuration.Api(str(api), os.path.relpath(Files(home.root).api_socket, home.router))


def _versions(arguments: argparse.Namespace, home: Home, store: SqlStore) -> RackVersions:
    return RackVersions(
        home.root,
        __version__,
        is_launched=arguments.launched,
        address=functools.partial(parameters.channel, store),
        stranded=functools.partial(stranded.counts, dialect.url_of(home.store)),
    )


def _memory_mib() -> int:
    """Return how much memory this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def _own_process(clock: Clock) -> ProcessState:
    """Return this process as lists show it."""
    command = shlex.join(["sternwayd", *sys.argv[1:]])
    return ProcessState(f"rack-{os.getpid()}", 0, Health.HEALTHY, clock.now(), command=command)


def _cross(order: str | None) -> Cross:
    return functools.partial(_die_if_told, Path(order)) if order else go_on


def _die_if_told(order: Path, crossing: Crossing) -> None:
    with contextlib.suppress(FileNotFoundError):
        if order.read_text() == crossing:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
