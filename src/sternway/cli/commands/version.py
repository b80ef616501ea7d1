"""`version` and `completion`: about this program."""

import click

import sternway
from sternway.cli import options, output
from sternway.cli.command import command
from sternway.cli.options import Target
from sternway.wire import routes


@command()
@options.on_rack
def version(target: Target) -> None:
    """Print the versions of this program and of the rack."""
    output.show(f"client: {own_version()}\n")
    server = target.rack.get(routes.SYSTEM).get("version") if target.has_rack else "none"
    output.show(f"server: {server}\n")


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
