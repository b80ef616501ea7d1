"""`users`: who may use the rack and what they may do; and their own passwords, for everybody."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import click

from sternway.cli import address, asking, client, errors, options, output
from sternway.cli.command import Group
from sternway.cli.commands import login
from sternway.cli.options import Target
from sternway.wire import routes, types

ROLES = ("r", "rw", "rwa")
EVERYTHING = "all, and the rack"


def with_apps(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --app, several times, as the argument `apps`."""
    text = "An app that it is for, again for each; all of them and the rack itself if none is given."
    return click.option("-a", "--app", "apps", multiple=True, shell_complete=options.apps, help=text)(function)


def with_role(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command --role, as the argument `role`."""
    text = "What it allows: r reads, rw changes too, rwa manages users and tokens too."
    return functools.partial(_role, default, text)


def _role(default: str, text: str, function: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option("--role", type=click.Choice(ROLES), default=default, show_default=True, help=text)
    return option(function)


def apps_of(item: types.User | types.Token | types.Who) -> str:
    """Return the apps that somebody is bounded to, for a table."""
    return EVERYTHING if item.apps is None else ", ".join(item.apps)


def _names(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from sternway.cli import complete

    return complete.users(ctx, parameter, begun)


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_rack
@click.pass_context
def users(ctx: click.Context, target: Target, as_json: bool) -> None:
    """List the users of the rack, or change who they are and what they may do."""
    if ctx.invoked_subcommand is None:
        _show(target, as_json=as_json)


@users.command("list")
@options.as_json
@options.on_rack
def list_(target: Target, as_json: bool) -> None:
    """List the users of the rack."""
    _show(target, as_json=as_json)


@users.command()
@click.argument("name")
@with_role("r")
@with_apps
@options.as_json
@options.with_reason
@options.on_rack
def add(target: Target, as_json: bool, apps: Sequence[str], **given: str | None) -> None:
    """Add a user, and print an invitation: with it they choose a password, once, within a week."""
    form = {"apps": list(apps) or None, **given}
    _show_invitation(target, target.rack.create(types.User, routes.USERS, form), as_json=as_json)


@users.command()
@click.argument("name", shell_complete=_names)
@options.as_json
@options.with_reason
@options.on_rack
def invite(target: Target, name: str, as_json: bool, reason: str | None) -> None:
    """Print another invitation for a user, who lost the password or the first one."""
    user = target.rack.create(types.User, routes.invitation(name), {"reason": reason})
    _show_invitation(target, user, as_json=as_json)


@users.command()
@click.argument("name", shell_complete=_names)
@click.argument("role", type=click.Choice(ROLES))
@with_apps
@options.with_reason
@options.on_rack
def role(target: Target, name: str, role: str, apps: Sequence[str], reason: str | None) -> None:
    """Set what a user may do, and for which apps: what is not given here is taken away."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Setting the role of {name}")
        form = {"role": role, "apps": list(apps) or None, "reason": reason}
        target.rack.send("PUT", routes.user(name), form)
        progress.done()


@users.command()
@click.argument("name", shell_complete=_names)
@options.with_reason
@options.on_rack
def remove(target: Target, name: str, reason: str | None) -> None:
    """Remove a user, at once: what they have open ends."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Removing user {name}")
        target.rack.send("DELETE", routes.user(name), {"reason": reason} if reason else None)
        progress.done()


@users.command()
@options.as_json
@options.on_rack
def me(target: Target, as_json: bool) -> None:
    """Show who the rack takes you for, and what you may do."""
    who = target.rack.fetch(types.Who, routes.WHO)
    if as_json:
        return output.show_json(who)
    pairs = [("Name", who.name), ("Role", who.role), ("Apps", apps_of(who))]
    output.show(output.members([*pairs, ("Expires", who.expires.isoformat(" ", "seconds") if who.expires else "")]))


@users.command()
@options.on_rack
def password(target: Target) -> None:
    """Change your password: the old one is asked for, then the new one; or they are the first two lines of stdin."""
    form = {"old": asking.secret("Password"), "new": asking.secret("New password", is_new=True)}
    with output.progress(aside=False) as progress:
        progress.begin("Changing your password")
        target.rack.send("PUT", routes.OWN_PASSWORD, form)
        progress.done()
    sys.stderr.write("The old one is refused from now on: log in again with sternway login https://NAME@HOST -p\n")


@users.command()
@click.argument("host", metavar="HOST|URL")
@click.option("-n", "--name", help="What to call the rack here; its own name if none is given.")
@options.with_target
def accept(target: Target, host: str, name: str | None) -> None:
    """Choose a password with an invitation, and save the rack.

    Both are asked for, or are the first two lines of stdin.
    """
    bare = address.parse(host if "://" in host else f"https://{host}")
    form = {"invitation": asking.secret("Invitation"), "password": asking.secret("New password", is_new=True)}
    with output.progress(aside=False) as progress:
        progress.begin(f"Accepting the invitation to {bare.origin}")
        rack = client.Rack(address.replaced(bare, ""), actor=options.actor(target.settings))
        who = rack.create(types.Who, routes.INVITATION_ACCEPT, form)
        rack.close()
        found = address.replaced(bare, f"{quote(who.name, safe='')}:{quote(form['password'], safe='')}")
        progress.done(f"OK, {login.keep(target.settings, found, name)}")


def _show(target: Target, *, as_json: bool) -> None:
    listed = target.rack.fetch_all(types.User, routes.USERS)
    if as_json:
        return output.show_json(listed)
    rows = [(user.name, user.role, apps_of(user), user.status) for user in listed]
    output.show_table(("NAME", "ROLE", "APPS", "STATUS"), rows)


def _show_invitation(target: Target, user: types.User, *, as_json: bool) -> None:
    if as_json:
        return output.show_json(user)
    if not user.invitation:
        raise errors.CommandFailed("the rack answered without an invitation")
    output.show(f"{user.invitation}\n")
    sys.stderr.write(f"{user.name} uses it once, within a week: sternway users accept {target.rack.address.origin}\n")
