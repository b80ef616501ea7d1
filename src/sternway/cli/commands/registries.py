"""`registries`: logins at image registries, for images that apps are built of and for copies of what is built."""

import sys

import click

from sternway.cli import errors, options, output
from sternway.cli.command import Group
from sternway.cli.options import Target
from sternway.wire import routes, types

FROM_STDIN = "-"


def _servers(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from sternway.cli import complete

    return complete.registries(ctx, parameter, begun)


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_rack
@click.pass_context
def registries(ctx: click.Context, target: Target, as_json: bool) -> None:
    """List logins at image registries, or change them. Passwords never leave the rack."""
    if ctx.invoked_subcommand:
        return
    listed = target.rack.fetch_all(types.Registry, routes.REGISTRIES)
    if as_json:
        return output.show_json(listed)
    output.show_table(("SERVER", "USERNAME"), [(login.server, login.username) for login in listed])


@registries.command()
@click.argument("server")
@click.argument("username")
@click.argument("password", required=False)
@options.with_reason
@options.on_rack
def add(target: Target, server: str, username: str, password: str | None, reason: str | None) -> None:
    """Keep a login, in place of the one for that server.

    A password that is typed here can be seen in the list of processes and in the shell's history. Leave it
    out to be asked for it, or give - to have it read from stdin.
    """
    password = _password(password)
    form = {"server": server, "username": username, "password": password, "reason": reason}
    with output.progress(aside=False) as progress:
        progress.begin(f"Adding registry {server}")
        target.rack.send("POST", routes.REGISTRIES, form)
        progress.done()


@registries.command()
@click.argument("server", shell_complete=_servers)
@options.with_reason
@options.on_rack
def remove(target: Target, server: str, reason: str | None) -> None:
    """Forget a login."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Removing registry {server}")
        target.rack.send("DELETE", routes.registry(server), {"reason": reason} if reason else None)
        progress.done()


def _password(typed: str | None) -> str:
    if typed not in (None, FROM_STDIN):
        return str(typed)
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, err=True))
    if typed == FROM_STDIN and (read := sys.stdin.readline().rstrip("\r\n")):
        return read
    what = "came from stdin" if typed else "is given"
    raise errors.usage(f"no password {what}", hint="pipe it in: sternway registries add SERVER USERNAME - < FILE")
