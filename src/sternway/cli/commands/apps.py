"""`apps`: list, create, show, set, delete, lock and cancel."""

from collections.abc import Sequence

import click

from sternway.cli import errors, follow, options, output
from sternway.cli.client import Rack
from sternway.cli.command import Group
from sternway.cli.options import Target
from sternway.wire import routes, types

DELETE_WAIT_S = 300


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_rack
@click.pass_context
def apps(ctx: click.Context, target: Target, as_json: bool) -> None:
    """List apps, or act on one."""
    if ctx.invoked_subcommand:
        return
    listed = target.rack.fetch_all(types.App, routes.APPS)
    if as_json:
        return output.show_json(listed)
    output.show_table(("APP", "STATUS", "RELEASE"), [(a.name, a.status, a.release) for a in listed])


@apps.command()
@click.argument("name", required=False)
@click.option("-g", "--generation", help="The generation of its manifest; 2 is the only one.")
@click.option("--timeout", type=click.IntRange(min=1), default=300, help="Seconds to wait until it is there.")
@options.accept_wait
@options.with_reason
@options.on_app
def create(target: Target, name: str | None, generation: str | None, timeout: int, reason: str | None) -> None:
    """Make an empty app."""
    name = name or target.app
    with output.progress(aside=False) as progress:
        progress.begin(f"Creating {name}")
        target.rack.create(types.App, routes.APPS, {"name": name, "generation": generation, "reason": reason})
        follow.until(lambda: _status(target.rack, name) == "running", timeout)
        progress.done()


@apps.command()
@click.argument("name", metavar="[APP]", required=False, shell_complete=options.apps)
@options.as_json
@options.on_app
def info(target: Target, name: str | None, as_json: bool) -> None:
    """Show an app."""
    app = target.rack.fetch(types.App, routes.app(name or target.app))
    if as_json:
        return output.show_json(app)
    locked = "true" if app.locked else "false"
    pairs = [("Name", app.name), ("Status", app.status), ("Generation", app.generation), ("Locked", locked)]
    output.show(output.members([*pairs, ("Release", app.release), ("Router", app.router)]))


@apps.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.on_app
@click.pass_context
def params(ctx: click.Context, target: Target, as_json: bool) -> None:
    """Show what is set for an app, whichever release is active, or change it."""
    if ctx.invoked_subcommand:
        return
    parameters = target.rack.fetch(types.App, routes.app(target.app)).parameters
    output.show_json(parameters) if as_json else output.show_table(("NAME", "VALUE"), sorted(parameters.items()))


@params.command("set")
@click.argument("pairs", metavar="NAME=VALUE...", nargs=-1, required=True)
@options.accept_wait
@options.with_reason
@options.on_app
def set_(target: Target, pairs: Sequence[str], reason: str | None) -> None:
    """Set parameters of an app; an empty value is the default."""
    wanted = dict(options.name_and_value(text) for text in pairs)
    with output.progress(aside=False) as progress:
        progress.begin(f"Setting {', '.join(wanted)}")
        target.rack.send("PUT", routes.app(target.app), {"parameters": wanted, "reason": reason})
        progress.done()


@apps.command()
@click.argument("name", metavar="APP", shell_complete=options.apps)
@options.accept_wait
@options.with_reason
@options.on_rack
@options.asking_why
def delete(target: Target, name: str, reason: str | None) -> None:
    """Delete an app with all that it has; for 30 days it can be restored."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Deleting {name}")
        target.rack.send("DELETE", routes.app(name), {"reason": reason} if reason else None)
        follow.until(lambda: _status(target.rack, name) is None, DELETE_WAIT_S)
        progress.done()


@apps.command()
@click.argument("name", metavar="APP")
@options.with_wait
@options.with_reason
@options.on_rack
def restore(target: Target, name: str, reason: str | None, wait: bool) -> None:
    """Bring back an app that was deleted: history, settings, volumes, and the release that was active."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Restoring {name}")
        back = target.rack.create(types.Restored, routes.restore(name), {"reason": reason})
        progress.done()
        for note in back.notes:
            progress.step(note)
        if back.promotion:
            progress.begin(f"Promoting {back.release}")
            if wait:
                follow.until_ended(target.rack, name, back.release, progress)
            progress.done()


@apps.command()
@click.argument("name", metavar="[APP]", required=False, shell_complete=options.apps)
@options.accept_wait
@options.with_reason
@options.on_app
def cancel(target: Target, name: str | None, reason: str | None) -> None:
    """Stop the promotion that is under way; what was active stays so."""
    name = name or target.app
    with output.progress(aside=False) as progress:
        progress.begin(f"Cancelling {name}")
        target.rack.send("POST", f"{routes.app(name)}/cancel", {"reason": reason})
        progress.done()


@apps.command()
@click.argument("name", metavar="[APP]", required=False, shell_complete=options.apps)
@options.with_reason
@options.on_app
def lock(target: Target, name: str | None, reason: str | None) -> None:
    """Keep an app from being deleted."""
    _lock(target.rack, name or target.app, is_locked=True, reason=reason)


@apps.command()
@click.argument("name", metavar="[APP]", required=False, shell_complete=options.apps)
@options.with_reason
@options.on_app
def unlock(target: Target, name: str | None, reason: str | None) -> None:
    """Let an app be deleted again."""
    _lock(target.rack, name or target.app, is_locked=False, reason=reason)


def _lock(rack: Rack, name: str, *, is_locked: bool, reason: str | None) -> None:
    with output.progress(aside=False) as progress:
        progress.begin(f"{'Locking' if is_locked else 'Unlocking'} {name}")
        rack.send("PUT", routes.app(name), {"lock": is_locked, "reason": reason})
        progress.done()


def _status(rack: Rack, name: str) -> str | None:
    try:
        return rack.fetch(types.App, routes.app(name)).status
    except errors.Refused as exc:
        if exc.status == 404:
            return None
        raise
