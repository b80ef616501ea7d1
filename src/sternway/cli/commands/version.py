"""`version` and `completion`: about this program."""

import re
import sys
from datetime import UTC, datetime

import click

import sternway
from sternway.cli import options, output
from sternway.cli.command import command
from sternway.cli.options import Target
from sternway.wire import routes

FITS_DAYS = 366
"""A client this much older or newer than the rack still does what it is for; no rack drops a route sooner."""
_MOMENT = re.compile(r"[0-9]{14}(?=-|$)")


@command()
@options.on_rack
def version(target: Target) -> None:
    """Print the versions of this program and of the rack, and whether they fit."""
    output.show(f"client: {own_version()}\n")
    server = target.rack.get(routes.SYSTEM).get("version") if target.has_rack else "none"
    output.show(f"server: {server}\n")
    if target.has_rack:
        _show_fit(own_version(), str(server))


def _show_fit(client: str, server: str) -> None:
    """Say whether they fit, as far as versions tell: those of racks of other makes have no date."""
    made, served = _made_at(client), _made_at(server)
    if made is None or served is None:
        return output.show("fit: not known, as their versions do not both have a date\n")
    days = abs(made - served).days
    order = "newer" if made > served else "older"
    apart = f"the client is {days} days {order} than the rack" if days else "they are of the same day"
    output.show(f"fit: {'yes' if days <= FITS_DAYS else 'no'}, {apart}\n")
    if days > FITS_DAYS:
        older, remedy = ("client", "sternway update") if made < served else ("rack", "sternway rack update")
        sys.stderr.write(f"WARNING: the {older} is the older one by {days} days, some commands may fail\n")
        sys.stderr.write(f"hint: {remedy}\n")


def _made_at(version: str) -> datetime | None:
    found = _MOMENT.match(version)
    try:
        return datetime.strptime(found[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


@command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete commands, to be sourced from its startup file."""
    from click.shell_completion import get_completion_class

    from sternway.cli.main import program, root

    kind = get_completion_class(shell)
    assert kind is not None
    name = program()
    output.show(kind(root, {}, name, f"_{name.upper()}_COMPLETE").source() + "\n")


def own_version() -> str:
    """Return the version of this program."""
    # A constant: reading the installed metadata would cost more than the rest of the start.
    return sternway.__version__
