"""`rack`, `racks`, `switch` and `api`: the rack itself, and which one is meant."""

import sys
from collections.abc import Sequence

import click

from sternway.cli import address, errors, letters, move, options, output
from sternway.cli.command import Group, command
from sternway.cli.commands import history as app_history
from sternway.cli.commands import logs as app_logs
from sternway.cli.commands import processes
from sternway.cli.lazy import LazyGroup
from sternway.cli.options import Target
from sternway.wire import routes, types

LOCAL = {
    "install": ("sternway.cli.local.install:install", "Install a rack on this machine."),
    "stop": ("sternway.cli.local.stop:stop", "Stop a rack of this machine."),
    "uninstall": ("sternway.cli.local.install:uninstall", "Take a rack off this machine."),
}

ACCESS_ROLES = ("read", "write", "admin")
ACCESS_HOURS = click.IntRange(1, 8760)


@click.group(cls=LazyGroup, lazy=LOCAL, invoke_without_command=True)
@options.as_json
@options.on_rack
@click.pass_context
def rack(ctx: click.Context, target: Target, as_json: bool) -> None:
    """Show the rack, or act on it."""
    if ctx.invoked_subcommand:
        return
    system = _system(target)
    if as_json:
        return output.show_json(system)
    pairs = [("Name", system.name), ("Provider", system.provider), ("Region", system.region)]
    pairs += [("Router", system.domain), ("Status", system.status), ("Version", system.version)]
    output.show(output.members(pairs))
    for problem in system.problems:
        sys.stderr.write(f"WARNING: {letters.printable(problem)}\n")


@rack.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_rack
@click.pass_context
def params(ctx: click.Context, target: Target, as_json: bool) -> None:
    """Show what is set for the rack as a whole, or change it."""
    if ctx.invoked_subcommand:
        return
    parameters = _system(target).parameters
    output.show_json(parameters) if as_json else output.show_table(("NAME", "VALUE"), sorted(parameters.items()))


@params.command("set")
@click.argument("pairs", metavar="NAME=VALUE...", nargs=-1, required=True)
@options.accept_wait
@options.with_reason
@options.on_rack
def set_(target: Target, pairs: Sequence[str], reason: str | None) -> None:
    """Set parameters of the rack; an empty value is the default."""
    wanted = dict(options.name_and_value(text) for text in pairs)
    with output.progress(aside=False) as progress:
        progress.begin(f"Setting {', '.join(wanted)}")
        target.rack.send("PUT", routes.SYSTEM, {"parameters": wanted, "reason": reason})
        progress.done()


@rack.command()
@options.with_limit
@options.as_json
@options.on_rack
def history(target: Target, limit: int | None, as_json: bool) -> None:
    """List what was done to the rack, by whom and why, newest first."""
    app_history.show(target, routes.HISTORY, limit, as_json=as_json)


@rack.command()
@click.option("--all", "is_all", is_flag=True, help="Those too that were tried and never became active.")
@options.as_json
@options.on_rack
def releases(target: Target, is_all: bool, as_json: bool) -> None:
    """List the versions that the rack had, newest first."""
    listed = target.rack.fetch_all(types.Version, routes.SYSTEM_RELEASES, {"all": True} if is_all else None)
    if as_json:
        return output.show_json(listed)
    active, now = _active(target, listed), output.now()
    rows = [(v.id, output.ago(v.created, now), v.status or ("active" if v is active else ""), v.cause) for v in listed]
    output.show_table(("VERSION", "UPDATED", "STATUS", "CAUSE"), rows, optional=("CAUSE",))


@rack.command()
@click.argument("version", required=False, shell_complete=options.versions)
@move.with_order
@options.on_rack
def update(target: Target, version: str | None, order: move.Order) -> None:
    """Move the rack to a version, newer or older; to the newest of its channel if none is named."""
    move.move(target.rack, version or "", order)


@rack.command()
@move.with_order
@options.on_rack
def rollback(target: Target, order: move.Order) -> None:
    """Move the rack to the version that was active before; a second time, and it is back again."""
    move.move(target.rack, move.PREVIOUS, order)


@rack.group(cls=Group, invoke_without_command=True)
@click.option("--role", type=click.Choice(ACCESS_ROLES), default="read", show_default=True, help="What it allows.")
@click.option("--duration-in-hours", "hours", type=ACCESS_HOURS, default=1, show_default=True, help="For how long.")
@options.on_rack
@click.pass_context
def access(ctx: click.Context, target: Target, role: str, hours: int) -> None:
    """Print a RACK_URL for somebody else, which is good for a while, for no more than you may do yourself."""
    if ctx.invoked_subcommand:
        return
    form = {"role": role, "durationInHour": hours}
    token = target.rack.create(types.SignedToken, routes.JWT_TOKEN, form).token
    output.show(f"RACK_URL={address.replaced(target.rack.address, f'jwt:{token}').url()}\n")


@access.group(cls=Group)
def key() -> None:
    """Change what signs the tokens of `rack access`."""


@key.command()
@options.with_reason
@options.on_rack
def rotate(target: Target, reason: str | None) -> None:
    """Sign with another key: every RACK_URL that `rack access` printed so far is refused."""
    with output.progress(aside=False) as progress:
        progress.begin("Rotating the key of rack access")
        target.rack.send("PUT", routes.JWT_ROTATE, {"reason": reason} if reason else None)
        progress.done()


@rack.command()
@click.option("-a", "--all", "is_all", is_flag=True, help="Those of apps too.")
@options.as_json
@options.on_rack
def ps(target: Target, is_all: bool, as_json: bool) -> None:
    """List the processes of the rack itself."""
    query = {"all": True} if is_all else None
    processes.show(target.rack.fetch_all(types.Process, f"{routes.SYSTEM}/processes", query), as_json=as_json)


@rack.command("logs")
@app_logs.log_options
@options.on_rack
def logs(target: Target, **given: object) -> None:
    """Show what the rack does."""
    app_logs.show(target.rack, f"{routes.SYSTEM}/logs", given)


@command()
@options.as_json
@options.on_rack
def racks(target: Target, as_json: bool) -> None:
    """List the racks that are saved."""
    saved, chosen = target.settings.racks(), target.settings.rack_name(None)
    # The URLs hold passwords: only where they lead is shown.
    found = [{"name": name, "address": address.parse(url).origin} for name, url in saved.items()]
    if as_json:
        return output.show_json(found)
    if not found:
        sys.stderr.write("No rack is saved. Save one: sternway login HOST -p\n")
    rows = [(rack["name"], rack["address"], "current" if rack["name"] == chosen else "") for rack in found]
    output.show_table(("NAME", "ADDRESS", "STATUS"), rows)


@command()
@click.argument("name", required=False)
@options.on_rack
def switch(target: Target, name: str | None) -> None:
    """Choose a saved rack; without a name, print the one that is chosen."""
    if name is not None:
        target.settings.switch(name)
        return output.show(f"Switched to {name}\n")
    chosen = target.settings.rack_name(None)
    if chosen is None:
        raise errors.not_found("no rack is chosen", hint="choose one: sternway switch NAME")
    output.show(f"{chosen}\n")


@click.group(cls=Group)
def api() -> None:
    """Read the rack's API."""


@api.command("get")
@click.argument("path")
@options.on_rack
def get(target: Target, path: str) -> None:
    """Print what stands at a path, as it is."""
    text = target.rack.read("/" + path.lstrip("/")).decode(errors="replace")
    output.show_text(text if text.endswith("\n") else f"{text}\n")


def _system(target: Target) -> types.System:
    return target.rack.fetch(types.System, routes.SYSTEM)


def _active(target: Target, listed: Sequence[types.Version]) -> types.Version | None:
    """Return the one that is active for racks that do not say so; they list the present one first."""
    if any(version.status for version in listed):
        return None
    active = _system(target).version
    return next((version for version in listed if version.id == active), None)
