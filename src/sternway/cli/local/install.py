"""`rack install` and `rack uninstall`: a rack on this machine, from nothing but a channel, and off it again.

It brings what is outside all versions: the pinned root, the launcher, and what starts that. All else is the version's.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from sternway.channel import installed, pinning
from sternway.channel.artifact import RACK, Artifact, newest, this_platform
from sternway.channel.follow import Follower
from sternway.channel.versions import Places
from sternway.cli import address as addresses
from sternway.cli import client, errors, letters, options, output
from sternway.cli.command import command
from sternway.cli.local import dismantling, service, trust
from sternway.cli.local.failures import told
from sternway.cli.local.service import Service
from sternway.cli.settings import Settings
from sternway.launcher import files
from sternway.launcher.files import Files
from sternway.launcher.rack import Racks
from sternway.wire import routes

START_S = 120.0
LOOK_S = 0.1
PYTHON_S = 30.0
OURS = ("versions", "launcher", "channel")
"""What an install adds to a data directory."""
MODULES = "venv, ensurepip, sqlite3, ssl, ctypes"
MAIN = "import sys\n\nfrom sternway.launcher.program import main\n\nsys.exit(main())\n"
LAST_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be installed where. `arguments` are passed on to every version of the rack."""

    data: Path
    service: Service
    version: str | None
    arguments: Sequence[str]
    is_forced: bool


@command()
@click.argument("data", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--version", help="The version to install; the newest of the channel if none is named.")
@click.option("--channel", "address", metavar="ADDRESS", help="The channel; else the one that this program follows.")
@click.option("--fingerprint", metavar="HEX", help="That of the channel's root, as its owner tells it.")
@click.option("--name", default="local", show_default=True, help="The name of the rack.")
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:5443", show_default=True, help="Where its API is to answer."
)
@click.option(
    "--router-listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8080",
    show_default=True,
    help="Where apps are to answer.",
)
@click.option("--engine", type=click.Choice(("auto", "process", "docker")), help="What is to run the apps.")
@click.option("--user", "is_user", is_flag=True, help="Make the unit one of this user, also for root.")
@click.option("--adopt", is_flag=True, help="Take over the data of a rack that was started by hand, and is stopped.")
@click.option("--force", is_flag=True, help="Take a version although it was yanked.")
def install(data: Path, *, version: str | None, address: str | None, fingerprint: str | None, **given: object) -> None:
    """Install a rack into a new directory, and start it, now and with the machine.

    It needs python3.11 with its venv module, and nothing else of the machine.
    """
    data = data.absolute()
    plan = _plan(data, version, given)
    _check(plan, may_adopt=bool(given["adopt"]))
    channel, root = _channel(address, fingerprint)
    with _undone_on_failure(plan), output.progress(aside=False) as progress:
        progress.begin("Fetching the rack")
        artifact = _install(plan, channel, root)
        progress.done(f"OK, {artifact.version}")
        progress.begin("Starting it")
        _start(plan, artifact.version)
        _set_channel(data, channel)
        progress.done()
    _tell(plan, artifact.version)


@command()
@click.argument("data", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--keep-data", is_flag=True, help="Leave the data: releases, keys, builds.")
@click.option("--force", is_flag=True, help="Do not ask.")
def uninstall(data: Path, *, keep_data: bool, force: bool) -> None:
    """Take a rack off this machine: its apps, its router, its versions, and its data unless it is to be kept."""
    data = data.absolute()
    found = service.installed(data)
    if not force:
        _confirm(found.name, keep_data=keep_data)
    with output.progress(aside=False) as progress:
        progress.begin(f"Stopping rack {found.name}, router and apps")
        found.stop()
        if running := Racks(Files(data), ()).find():
            running.stop()
        dismantling.dismantle(data)
        progress.done()
    for path in [data / name for name in OURS] if keep_data else [data]:
        shutil.rmtree(path)
    output.show(f"Removed rack {found.name}\n")


def _plan(data: Path, version: str | None, given: dict[str, object]) -> Plan:
    name = str(given["name"])
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise errors.usage("--name: letters, digits and hyphens", hint="for example --name production")
    arguments = ["--listen", given["listen"], "--router-listen", given["router_listen"], "--name", name]
    arguments += ["--engine", given["engine"]] if given["engine"] else []
    of = Service(str(data), name, service.scope_here(is_user=bool(given["is_user"])))
    return Plan(data, of, version, [str(word) for word in arguments], bool(given["force"]))


# --- what has to be so before anything is done ---


def _check(plan: Plan, *, may_adopt: bool) -> None:
    data = plan.data
    if (data / "launcher" / "state.json").exists():
        raise _conflict(f"a rack is installed in {data} already", "move it to a version: sternway rack update")
    is_rack = Files(data).store.exists()
    if is_rack and not may_adopt:
        raise _conflict(f"{data} holds the data of a rack", "take it over, once it is stopped: --adopt")
    if is_rack and Racks(Files(data), ()).find():
        raise _conflict(f"a rack runs on {data}", f"stop it, its apps stay: sternway rack stop --data {data}")
    if not is_rack and data.exists() and any(data.iterdir()):
        raise _conflict(f"{data} is not empty", "name a new directory")
    _python()


def _conflict(message: str, hint: str) -> errors.CommandFailed:
    return errors.CommandFailed(message, hint=hint, exit_code=errors.ExitCode.CONFLICT)


def _python() -> str:
    """Return the machine's interpreter, if a rack can run by it."""
    python = shutil.which(installed.PYTHON)
    hint = f"install it, for example: apt install {installed.PYTHON} {installed.PYTHON}-venv"
    if python is None:
        raise errors.CommandFailed(f"this machine has no {installed.PYTHON}", hint=hint)
    try:
        subprocess.run([python, "-I", "-c", f"import {MODULES}"], check=True, capture_output=True, timeout=PYTHON_S)
    except (OSError, subprocess.SubprocessError) as exc:
        raise errors.CommandFailed(f"{python} lacks modules that a rack needs: {MODULES}", hint=hint) from exc
    return python


def _channel(address: str | None, fingerprint: str | None) -> tuple[str, bytes]:
    """Return the address of the channel and its root: the one that is named, or the one that is followed."""
    if address:
        return trust.absolute(address), trust.confirmed_root(address, fingerprint)
    if known := trust.kept(Settings(os.environ, Path.cwd()).home):
        return known
    raise errors.usage("no channel is named", hint="--channel ADDRESS --fingerprint HEX, as its owner tells them")


# --- what is done ---


def _install(plan: Plan, channel: str, root: bytes) -> Artifact:
    plan.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = Places(plan.data)
    with told():
        pinning.pin(plan.data, root)
        follower = Follower(channel, places.trusted, root=root)
        artifact = _chosen(follower.artifacts(), plan)
        follower.fetch(artifact, places.fetched)
        installed.Versions(Files(plan.data).versions).install(places.fetched, artifact.version)
    places.fetched.unlink()
    _write_launcher(plan.data, artifact.version)
    files.write(Files(plan.data).state, {"protocol": files.PROTOCOL, "active": artifact.version, "update": None})
    return artifact


def _chosen(found: Sequence[Artifact], plan: Plan) -> Artifact:
    offered = [each for each in found if (each.program, each.platform) == (RACK, this_platform())]
    if plan.version is None:
        chosen = newest(offered)
    else:
        chosen = next((each for each in offered if each.version == plan.version), None)
    if chosen is None:
        raise errors.not_found(
            f"version not found: {plan.version}" if plan.version else f"the channel has no rack for {this_platform()}",
            hint="is it the right channel, and published for this machine?",
        )
    if chosen.yanked and not plan.is_forced:
        raise errors.CommandFailed(
            f"version {chosen.version} was yanked: {letters.printable(chosen.yanked)}",
            hint="leave --version away for the newest one, or insist: --force",
        )
    return chosen


def _write_launcher(data: Path, version: str) -> None:
    """Take the launcher out of a version, as one file that none of them changes from then on."""
    source = data / "versions" / version / installed.PACKAGES / "sternway" / "launcher"
    to = data / "launcher" / "launcher.pyz"
    to.parent.mkdir(mode=0o700, exist_ok=True)
    with zipfile.ZipFile(to, "w") as packed:
        packed.writestr("__main__.py", MAIN)
        packed.writestr("sternway/__init__.py", "")
        for file in sorted(source.glob("*.py")):
            packed.write(file, f"sternway/launcher/{file.name}")


def _start(plan: Plan, version: str) -> None:
    """Start the launcher, and wait until the running process says that it is this version."""
    data = plan.data
    launcher = [_python(), "-I", str(data / "launcher" / "launcher.pyz"), "--data", str(data)]
    plan.service.write([*launcher, *plan.arguments])
    plan.service.start()
    racks, deadline = Racks(Files(data), ()), time.monotonic() + START_S
    while racks.ask() != version:
        if time.monotonic() > deadline:
            raise errors.CommandFailed(f"the rack did not start within {START_S:g} s{_last_words(plan.service)}")
        time.sleep(LOOK_S)


def _set_channel(data: Path, channel: str) -> None:
    url = addresses.parse((data / "rack-url").read_text().strip())
    with contextlib.closing(client.Rack(url, actor=options.actor(Settings(os.environ, Path.cwd())))) as rack:
        rack.send("PUT", routes.SYSTEM, {"parameters": {"channel": channel}})


def _tell(plan: Plan, version: str) -> None:
    data = plan.data
    api = addresses.parse((data / "rack-url").read_text().strip()).origin
    port = (data / "router-address").read_text().strip().rpartition(":")[2]
    output.show(f"Sternway {version}\n  API   {api}\n  apps  http://SERVICE.APP.localhost:{port}\n")
    output.show(f"  RACK_URL, with the password, is in {data / 'rack-url'}\n")
    if line := plan.service.at_boot():
        sys.stderr.write(f"{line}\n")


@contextlib.contextmanager
def _undone_on_failure(plan: Plan) -> Iterator[None]:
    """Take away what was added if the block fails; what was there before is left as it was."""
    before = {path.name for path in plan.data.iterdir()} if plan.data.exists() else None
    is_adopted = Files(plan.data).store.exists()
    try:
        yield
    except BaseException as exc:
        with contextlib.suppress(errors.CommandFailed, OSError):
            plan.service.stop()
            if running := Racks(Files(plan.data), ()).find():
                running.stop()
            if not is_adopted and Files(plan.data).store.exists():
                dismantling.dismantle(plan.data)
        _clear(plan.data, before, is_adopted=is_adopted)
        if isinstance(exc, OSError):
            raise errors.CommandFailed(f"cannot install: {exc.strerror or exc}") from exc
        raise


def _clear(data: Path, before: set[str] | None, *, is_adopted: bool) -> None:
    if not data.exists():
        return
    if before is None:
        return shutil.rmtree(data, ignore_errors=True)
    for path in data.iterdir():
        if path.name not in before and (path.name in OURS or not is_adopted):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _last_words(of: Service) -> str:
    try:
        text = of.log.read_bytes()[-LAST_BYTES:].decode(errors="replace")
    except OSError:
        return f"; see: journalctl -u {of.unit}"
    lines = [line for line in text.splitlines() if line.strip()]
    return f": {letters.printable(lines[-1])}" if lines else ""


# --- and undone ---


def _confirm(name: str, *, keep_data: bool) -> None:
    if not sys.stdin.isatty():
        raise errors.usage("nobody is here to be asked", hint="insist: --force")
    what = "versions, router and apps" if keep_data else "versions, router, apps and data"
    sys.stderr.write(f"This removes the rack {name} with its {what}.\n")
    if click.prompt("Type its name to go on", err=True) != name:
        raise errors.CommandFailed("that is not its name; nothing was changed")
