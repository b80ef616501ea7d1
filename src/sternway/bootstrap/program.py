"""The program `sternwayd`: its command line, its parts put together, and its life."""

import argparse
import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
import uvloop

from sternway import __version__, journal
from sternway.api.application import create_application
from sternway.api.websocket import WireProtocol
from sternway.bootstrap import address as addresses
from sternway.bootstrap import engine as engines
from sternway.bootstrap.address import Address
from sternway.clock import RandomIds, SystemClock
from sternway.core.crossing import Cross, Crossing, go_on
from sternway.core.errors import SternwayError
from sternway.home import Home, replace_file
from sternway.objects import FileObjects
from sternway.ops import registries, system
from sternway.ops.changes import Changes
from sternway.ops.rack import Rack, RackSettings
from sternway.ops.shutdown import Shutdown
from sternway.ops.transcripts import Transcripts
from sternway.ports import Journal
from sternway.reconcile.dismantle import dismantle
from sternway.reconcile.loop import Reconciler
from sternway.router.caddy.router import CaddyRouter
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore

log = logging.getLogger(__name__)

LAST_REQUESTS_S = 5
ENGINE_HELP = "what runs the apps; auto is docker where it answers. The default is what this rack has, or process"
DIE_AT = "STERNWAY_DIE_AT"
"""For tests: a file that names a crossing. The rack that passes it removes the file and kills itself there."""


def main() -> None:
    """Run a rack until it is asked to stop; exit 1 with a message when it cannot."""
    arguments = _parser().parse_args()
    recent = journal.begin(as_json=arguments.log_json)
    os.umask(0o077)
    home = Home(arguments.data.absolute())
    try:
        with home.held(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_dismantle(arguments, home, recent) if arguments.dismantle else _serve(arguments, home, recent))
    except SternwayError as exc:
        sys.exit(f"sternwayd: {exc.message}" + (f"\nhint: {exc.hint}" if exc.hint else ""))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sternwayd", description="Run a Sternway rack on this machine.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the rack keeps everything")
    parser.add_argument("--listen", default="127.0.0.1:5443", metavar="HOST:PORT", help="where the API answers")
    parser.add_argument("--router-listen", default="127.0.0.1:8080", metavar="HOST:PORT", help="where apps answer")
    parser.add_argument("--engine", choices=engines.KINDS, help=ENGINE_HELP)
    parser.add_argument("--name", default="local", help="the rack's name, as in the variable RACK")
    parser.add_argument("--domain", default="localhost", help="what the hosts of apps end in")
    parser.add_argument("--dismantle", action="store_true", help="take down the apps and the router of DIR, and exit")
    parser.add_argument("--log-json", action="store_true", help="log JSON lines instead of text")
    return parser


async def _serve(arguments: argparse.Namespace, home: Home, recent: Journal) -> None:
    with addresses.listening(Address.parse("--listen", arguments.listen)) as listener:
        api = Address(*listener.getsockname()[:2])
        rack = _compose(arguments, home, api, recent)
        engines.keep(rack.engine.capabilities.name, home)
        password = _announce(home, api, Address("127.0.0.1", rack.settings.router_port))
        async with _open(rack):
            await system.record_version(rack)
            await _run(rack, listener, password)
            if rack.shutdown.with_apps:
                await dismantle(rack, _holder())
                engines.forget(home)


async def _dismantle(arguments: argparse.Namespace, home: Home, recent: Journal) -> None:
    rack = _compose(arguments, home, Address.parse("--listen", arguments.listen), recent)
    async with _open(rack):
        await dismantle(rack, _holder())
    engines.forget(home)


async def _run(rack: Rack, listener: socket.socket, password: str) -> None:
    """Serve and reconcile until the shutdown is asked for; the API ends first, with its last requests."""
    server = _Server(_server_config(rack, password))
    _stop_on_signals(rack.shutdown)
    async with asyncio.TaskGroup() as tasks:
        reconciling = tasks.create_task(Reconciler(rack, _holder()).run(), name="reconcile")
        serving = tasks.create_task(server.serve(sockets=[listener]), name="serve")
        await rack.shutdown.wait()
        log.info("stopping", extra={"apps": rack.shutdown.with_apps})
        server.should_exit = True
        await serving
        reconciling.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the rack has its own, and ends in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server_config(rack: Rack, password: str) -> uvicorn.Config:
    return uvicorn.Config(
        create_application(rack, password=password),
        ws=WireProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_REQUESTS_S,
    )


def _stop_on_signals(shutdown: Shutdown) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, shutdown.request)


def _compose(arguments: argparse.Namespace, home: Home, api: Address, recent: Journal) -> Rack:
    """Choose the adapters. Nothing is opened or started yet."""
    home.check_key()
    clock = SystemClock()
    key = KeyFile(home.key)
    router_listen = addresses.of_router(home.router_address, Address.parse("--router-listen", arguments.router_listen))
    router = CaddyRouter(home.router, str(router_listen), clock=clock)
    store = SqlStore(home.store, key)
    kind = engines.choose(None if arguments.dismantle else arguments.engine, home)
    around = engines.Surroundings(home, clock, key, functools.partial(registries.known, store))
    parts = engines.parts(kind, around)
    return Rack(
        settings=RackSettings(
            name=arguments.name,
            version=__version__,
            domain=arguments.domain,
            rack_domain=str(api),
            router_port=router_listen.port,
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
        clock=clock,
        ids=RandomIds(),
        secrets=key,
        changes=Changes(),
        transcripts=Transcripts(),
        shutdown=Shutdown(),
        cross=_cross(os.environ.get(DIE_AT)),
    )


def _cross(order: str | None) -> Cross:
    return functools.partial(_die_if_told, Path(order)) if order else go_on


def _die_if_told(order: Path, crossing: Crossing) -> None:
    with contextlib.suppress(FileNotFoundError):
        if order.read_text() == crossing:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


@contextlib.asynccontextmanager
async def _open(rack: Rack) -> AsyncIterator[None]:
    async with rack.store.run(), rack.router.run(), rack.engine.run():
        yield


def _announce(home: Home, api: Address, router: Address) -> str:
    """Write where the rack answers, show a new password once, and return the password."""
    password, is_new = home.password()
    replace_file(home.rack_url, f"http://rack:{password}@{api}\n")
    replace_file(home.router_address, f"{router}\n")
    print(f"Sternway {__version__}")
    print(f"  API   http://{api}")
    print(f"  apps  http://SERVICE.APP.localhost:{router.port}")
    if is_new and sys.stdout.isatty():  # anywhere else it would end in somebody's log
        print(f"  the password of this rack, shown this once: {password}")
    print(f"  RACK_URL, with the password, is in {home.rack_url}", flush=True)
    return password


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
