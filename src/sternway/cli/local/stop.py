"""`rack stop`: end a rack of this machine, with its apps or without.

The rack leaves `rackd.json` in its folder: its pid and when it started. Both are compared before anything
is signalled, and the signal goes through a descriptor of the process, so that a pid that was given to
another process meanwhile is never hit.
"""

import contextlib
import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from sternway.cli import address, client, errors, options, output
from sternway.cli.command import command
from sternway.cli.local import dismantling
from sternway.cli.settings import Settings

STOP_WAIT_S = 60
ALL_WAIT_S = 300


@command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The folder of the rack's data.")
@click.option("--all", "is_all", is_flag=True, help="Stop its apps and its router too.")
def stop(data: Path, is_all: bool) -> None:
    """Stop a rack of this machine. Its apps go on serving, unless --all is given."""
    if not data.is_dir():
        raise errors.not_found(f"no such directory: {data}", hint="name the folder that sternwayd was given as --data")
    with _running(data) as process, output.progress(aside=False) as progress:
        if process is None and not is_all:
            sys.stderr.write(f"No rack runs on {data}.\n")
            return
        progress.begin("Stopping rack, router and apps" if is_all else "Stopping rack")
        _stop(data, process, is_all=is_all)
        progress.done()


def _stop(data: Path, process: int | None, *, is_all: bool) -> None:
    if process is None:
        return dismantling.dismantle(data)
    if is_all:
        with contextlib.closing(_rack(data)) as rack:
            rack.send("POST", "/system/stop", {"all": True})
    else:
        signal.pidfd_send_signal(process, signal.SIGTERM)
    wait_s = ALL_WAIT_S if is_all else STOP_WAIT_S
    if not select.select([process], [], [], wait_s)[0]:
        raise errors.CommandFailed(
            f"the rack has not ended within {wait_s} s", hint="see its log for what it waits for"
        )


@contextlib.contextmanager
def _running(data: Path) -> Iterator[int | None]:
    """Give a descriptor of the rack's process, None if it does not run."""
    descriptor = _descriptor(data)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _descriptor(data: Path) -> int | None:
    recorded = _recorded(data)
    if recorded is None:
        return None
    pid, started_at_ticks = recorded
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    # Compared after it was opened: the descriptor stays with this process whatever becomes of the pid.
    if _started_at_ticks(pid) == started_at_ticks:
        return descriptor
    os.close(descriptor)
    return None


def _recorded(data: Path) -> tuple[int, int] | None:
    file = data / "rackd.json"
    try:
        members = json.loads(file.read_text())
        return int(members["pid"]), int(members["started_at_ticks"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise errors.CommandFailed(f"cannot read {file}") from exc


def _started_at_ticks(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # Field 22; the name in the second may hold spaces and parentheses.
    return int(text.rpartition(")")[2].split()[19])


def _rack(data: Path) -> client.Rack:
    try:
        url = (data / "rack-url").read_text()
    except OSError as exc:
        raise errors.CommandFailed(f"cannot read {data / 'rack-url'}") from exc
    return client.Rack(address.parse(url), actor=options.actor(Settings(os.environ, Path.cwd())))
