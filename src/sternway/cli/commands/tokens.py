"""`tokens`: what programs call the rack with. A token is printed once, where it is made."""

import re
import sys
from collections.abc import Sequence

import click

from sternway.cli import address, errors, options, output
from sternway.cli.command import Group
from sternway.cli.commands.users import apps_of, with_apps, with_role
from sternway.cli.options import Target
from sternway.wire import routes, types


def _names(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from sternway.cli import complete

    return complete.tokens(ctx, parameter, begun)


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_rack
@click.pass_context
def tokens(ctx: click.Context, target: Target, as_json: bool) -> None:
    """List deploy tokens, or make and revoke them."""
    if ctx.invoked_subcommand is None:
        _show(target, as_json=as_json)


@tokens.command("list")
@options.as_json
@options.on_rack
def list_(target: Target, as_json: bool) -> None:
    """List deploy tokens."""
    _show(target, as_json=as_json)


@tokens.command()
@click.option("--name", help="What to call it, here and in the history; its id if none is given.")
@click.option("--expires", help="For how long it is good, as in 90d or 12h; until it is revoked if not given.")
@with_role("rw")
@with_apps
@options.as_json
@options.with_reason
@options.on_rack
def create(target: Target, as_json: bool, apps: Sequence[str], expires: str | None, **given: str | None) -> None:
    """Make a token, and print it: nobody can see it again."""
    form = {"apps": list(apps) or None, "expires": _duration(expires), **given}
    token = target.rack.create(types.Token, routes.TOKENS, form)
    if as_json:
        return output.show_json(token)
    output.show(f"{token.token}\n")
    url = address.replaced(target.rack.address, "token:TOKEN").url()
    sys.stderr.write(f"Token {token.name} is not shown again. Programs use it with RACK_URL={url}\n")


@tokens.command()
@click.argument("token", metavar="NAME|ID", shell_complete=_names)
@options.with_reason
@options.on_rack
def revoke(target: Target, token: str, reason: str | None) -> None:
    """Revoke a token, at once: what it has open ends."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Revoking token {token}")
        target.rack.send("DELETE", routes.token(token), {"reason": reason} if reason else None)
        progress.done()


def _show(target: Target, *, as_json: bool) -> None:
    listed = target.rack.fetch_all(types.Token, routes.TOKENS)
    if as_json:
        return output.show_json(listed)
    rows = [(token.name, token.id, token.role, apps_of(token), _expires(token)) for token in listed]
    output.show_table(("NAME", "ID", "ROLE", "APPS", "EXPIRES"), rows)


def _expires(token: types.Token) -> str:
    if token.status == "expired":
        return "expired"
    return token.expires.strftime("%Y-%m-%d") if token.expires else "never"


def _duration(text: str | None) -> str | None:
    """Return what the API reads, which knows no days."""
    days = re.fullmatch(r"([0-9]{1,5})d", text or "")
    if text is None or days is None:
        return text
    if int(days[1]) == 0:
        raise errors.usage("--expires: not a time to come", hint="write it like 90d or 12h")
    return f"{int(days[1]) * 24}h"
