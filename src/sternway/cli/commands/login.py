"""`login`: check a rack's address and password, and save both."""

import os
import sys
from ipaddress import ip_address

import click

from sternway.cli import address, client, errors, letters, options, output
from sternway.cli.command import command
from sternway.cli.options import Target
from sternway.cli.settings import Settings, is_name, of_host
from sternway.wire import routes, types

HINT = "give it with -t, ask for it with -p, or set CONVOX_PASSWORD"


@command()
@click.argument("host", metavar="HOST|URL")
@click.option("-t", "--token", help="The rack's password; -p does not leave it in the shell's history.")
@click.option("-p", "--password", "is_asked", is_flag=True, help="Ask for the password, or read it from a pipe.")
@click.option("-n", "--name", help="What to call the rack here; its own name if none is given.")
@options.with_target
def login(target: Target, *, host: str, token: str | None, is_asked: bool, name: str | None) -> None:
    """Save a rack, and choose it."""
    found = _url(target.settings, host, token, is_asked=is_asked)
    with output.progress(aside=False) as progress:
        progress.begin(f"Logging in to {found.origin}")
        progress.done(f"OK, {keep(target.settings, found, name)}")
    _warn(target.settings, found)


def keep(settings: Settings, found: address.Address, name: str | None) -> str:
    """Save a rack once it has taken the password, choose it, and return what it is called."""
    name = _checked(found, options.actor(settings), name)
    settings.save(name, found.url())
    settings.switch(name)
    return name


def _url(settings: Settings, host: str, token: str | None, *, is_asked: bool) -> address.Address:
    bare = address.parse(host if "://" in host else f"https://{host}")
    if bare.has_password and not (token or is_asked):
        return bare
    password = token or (_asked() if is_asked else settings.environ.get("CONVOX_PASSWORD") or _asked_on_terminal())
    return address.parse(of_host(bare.url(), password))


def _asked_on_terminal() -> str:
    if not sys.stdin.isatty():
        raise errors.usage("no password is given", hint=HINT)
    return _asked()


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, err=True))
    if password := sys.stdin.readline().strip():
        return password
    raise errors.usage("no password came from stdin", hint=HINT)


def _checked(found: address.Address, actor: str, name: str | None) -> str:
    """Return what to call the rack, once it has taken the password."""
    rack = client.Rack(found, actor=actor)
    try:
        rack.read("/auth")
        name = name or rack.fetch(types.System, routes.SYSTEM).name
    except errors.Refused as exc:
        if exc.status != 401:
            raise
        raise errors.CommandFailed("the rack does not take this password", hint=HINT) from exc
    finally:
        rack.close()
    if not is_name(name):
        raise errors.usage(f"not the name of a rack: {letters.printable(name)}", hint="name it with --name")
    return name


def _warn(settings: Settings, found: address.Address) -> None:
    if os.environ.get("RACK_URL"):
        sys.stderr.write("note: RACK_URL is set, and goes on choosing the rack\n")
    if not found.is_secure and not _is_here(found.host):
        sys.stderr.write("warning: this address is not https, so the password can be read on its way\n")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
