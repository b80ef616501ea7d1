"""The program `sternwayd`: its command line, and its life."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvloop

from sternway import __version__, files, journal
from sternway.bootstrap import address as addresses
from sternway.bootstrap import engine as engines
from sternway.bootstrap import serving
from sternway.bootstrap.address import Address
from sternway.bootstrap.composition import compose
from sternway.core.errors import SternwayError
from sternway.home import Home
from sternway.launcher.files import Files
from sternway.ops import versions
from sternway.ops.rack import Rack
from sternway.ports import Journal
from sternway.reconcile.dismantle import dismantle
from sternway.reconcile.loop import Reconciler
from sternway.router.caddy import layout

log = logging.getLogger(__name__)

ENGINE_HELP = "what runs the apps; auto is docker where it answers. The default is what this rack has, or process"
NOWHERE = (Address("localhost", 0), Address("localhost", 0))


def main() -> None:
    """Run a rack until it is asked to stop, or do one task for its launcher; exit 1 with a message otherwise."""
    arguments = _parser().parse_args()
    recent = journal.begin(as_json=arguments.log_json)
    os.umask(0o077)
    home = Home(arguments.data.absolute())
    try:
        with home.held(__version__):
            _do(arguments, home, recent)
    except SternwayError as exc:
        sys.exit(f"sternwayd: {exc.message}" + (f"\nhint: {exc.hint}" if exc.hint else ""))


def _do(arguments: argparse.Namespace, home: Home, recent: Journal) -> None:
    if arguments.downgrade_to:
        from sternway.bootstrap import maintenance

        return maintenance.downgrade(home, arguments.downgrade_to, arguments.export)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if arguments.trial:
            return runner.run(_attempt(arguments, home, recent))
        runner.run(_dismantle(arguments, home, recent) if arguments.dismantle else _serve(arguments, home, recent))


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
    launcher = parser.add_argument_group("for the launcher")
    launcher.add_argument("--launched", action="store_true", help="leave the clients of the API to the router")
    launcher.add_argument(
        "--trial", action="store_true", help="see whether this version works on DIR, a copy, and exit"
    )
    launcher.add_argument("--downgrade-to", metavar="SCHEMA", help="take the store down to an older schema, and exit")
    launcher.add_argument("--export", type=Path, metavar="FILE", help="where rows go that it cannot hold")
    return parser


async def _serve(arguments: argparse.Namespace, home: Home, recent: Journal) -> None:
    with _door(arguments, home) as (door, api):
        router = addresses.kept(home.router_address, Address.parse("--router-listen", arguments.router_listen))
        rack = compose(arguments, home, (api, router), recent)
        engines.keep(rack.engine.capabilities.name, home)
        password = _announce(home, api, Address("127.0.0.1", router.port))
        async with _open(rack):
            await _bring_in_exported(rack, home)
            await versions.begin(rack)
            await _run(rack, door, password)
            if rack.shutdown.with_apps:
                await dismantle(rack, _holder())
                engines.forget(home)


async def _bring_in_exported(rack: Rack, home: Home) -> None:
    """Before the first request: rows that come later must not take the place of those that were exported."""
    if any((exports := Files(home.root).exports).glob("*.json")):
        from sternway.bootstrap import maintenance

        await maintenance.bring_in(rack, exports)


@contextlib.contextmanager
def _door(arguments: argparse.Namespace, home: Home) -> Iterator[tuple[serving.Door, Address]]:
    """Listen for the API: at its address, or where the router passes on what comes to that address."""
    asked = Address.parse("--listen", arguments.listen)
    if arguments.launched:
        api = addresses.kept(home.api_address, asked)
        _write(home.api_address, f"{api}\n")
        shared = Files(home.root)
        with serving.socket_file(shared.api_socket, lambda: _write(shared.accepting, __version__)) as door:
            yield door, api
    else:
        with addresses.listening(asked, holder=home.api_address) as listener:
            yield serving.Door(listener), Address(*listener.getsockname()[:2])


async def _attempt(arguments: argparse.Namespace, home: Home, recent: Journal) -> None:
    from sternway.bootstrap import maintenance

    layout.check(home.router)
    await maintenance.attempt(compose(arguments, home, NOWHERE, recent))


async def _dismantle(arguments: argparse.Namespace, home: Home, recent: Journal) -> None:
    asked = Address.parse("--router-listen", arguments.router_listen)
    places = Address.parse("--listen", arguments.listen), addresses.kept(home.router_address, asked)
    rack = compose(arguments, home, places, recent)
    async with _open(rack):
        await dismantle(rack, _holder())
    engines.forget(home)


async def _run(rack: Rack, door: serving.Door, password: str) -> None:
    """Serve and reconcile until the shutdown is asked for; the API ends first, with its last requests."""
    serving.stop_on_signals(rack.shutdown)
    reconciling = asyncio.create_task(Reconciler(rack, _holder()).run(), name="reconcile")
    asked = asyncio.create_task(rack.shutdown.wait(), name="shutdown")
    try:
        async with serving.serving(rack, door, password):
            await asyncio.wait({asked, reconciling}, return_when=asyncio.FIRST_COMPLETED)
            log.info("stopping", extra={"apps": rack.shutdown.with_apps})
    finally:
        asked.cancel()
        await _ended(reconciling)


async def _ended(reconciling: asyncio.Task[None]) -> None:
    """Stop reconciling; whatever ended it before then is raised."""
    reconciling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reconciling


@contextlib.asynccontextmanager
async def _open(rack: Rack) -> AsyncIterator[None]:
    async with rack.store.run(), rack.router.run(), rack.engine.run():
        ready()
        yield


def ready() -> None:
    """Collect garbage from here on, and never look again at what is there by now: most of it stays for good."""
    gc.freeze()
    gc.enable()


def _announce(home: Home, api: Address, router: Address) -> str:
    """Write where the rack answers, show a new password once, and return the password."""
    password, is_new = home.password()
    _write(home.rack_url, f"http://rack:{password}@{api}\n")
    _write(home.router_address, f"{router}\n")
    _write(home.program, f"{Path(sys.executable).with_name('sternwayd')}\n")
    print(f"Sternway {__version__}")
    print(f"  API   http://{api}")
    print(f"  apps  http://SERVICE.APP.localhost:{router.port}")
    if is_new and sys.stdout.isatty():  # anywhere else it would end in somebody's log
        print(f"  the password of this rack, shown this once: {password}")
    print(f"  RACK_URL, with the password, is in {home.rack_url}", flush=True)
    return password


def _write(path: Path, text: str) -> None:
    files.replace(path, text.encode(), is_durable=True)


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
