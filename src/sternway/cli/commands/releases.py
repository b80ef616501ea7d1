"""`releases`: the history of an app, and the ways through it in both directions."""

import sys

import click

from sternway.cli import errors, follow, options, output, promotion
from sternway.cli.command import Group
from sternway.cli.options import Target
from sternway.cli.order import Order, with_order
from sternway.wire import routes, types

GONE = """\
WARNING: what this release would run is no longer there, so there is no way back to it
hint: check out its source and build it again: sternway deploy
"""
HEADER = ("ID", "CREATED", "BUILD", "STATUS", "DESCRIPTION")


@click.group(cls=Group, invoke_without_command=True)
@options.with_limit
@options.as_json
@options.on_app
@click.pass_context
def releases(ctx: click.Context, target: Target, limit: int | None, as_json: bool) -> None:
    """List releases, newest first, or act on one."""
    if ctx.invoked_subcommand:
        return
    active = target.rack.fetch(types.App, routes.app(target.app)).release
    listed = target.rack.fetch_all(types.Release, routes.releases(target.app), {"limit": limit})
    if as_json:
        return output.show_json(listed)
    now = output.now()
    rows = [(r.id, output.ago(r.created, now), r.build, _status(r, active), r.description) for r in listed]
    output.show_table(HEADER, rows, optional=("DESCRIPTION",))


@releases.command()
@click.argument("release", shell_complete=options.releases)
@options.as_json
@options.on_app
def info(target: Target, release: str, as_json: bool) -> None:
    """Show a release with its environment."""
    found = target.rack.fetch(types.Release, routes.release(target.app, release))
    if as_json:
        return output.show_json(found)
    pairs = [("Id", found.id), ("Build", found.build), ("Created", output.ago(found.created, output.now()))]
    pairs += [("Author", found.author), ("Reason", found.reason), ("Copy of", found.copy_of)]
    pairs += [("Status", _status(found, active=""))]
    output.show(output.members([*pairs, ("Description", found.description), ("Env", found.env)]))
    if found.gone:
        sys.stderr.write(GONE)


@releases.command()
@click.argument("release", shell_complete=options.releases)
@options.on_app
def manifest(target: Target, release: str) -> None:
    """Print the manifest of a release."""
    found = target.rack.fetch(types.Release, routes.release(target.app, release))
    text = found.manifest or target.rack.fetch(types.Build, routes.build(target.app, found.build)).manifest
    output.show_text(text if text.endswith("\n") or not text else f"{text}\n")


@releases.command()
@click.argument("release", required=False, shell_complete=options.releases)
@with_order
@options.on_app
def promote(target: Target, release: str | None, order: Order) -> None:
    """Make a release active, the newest if none is named."""
    with output.progress(aside=False) as progress:
        promotion.promote(target.rack, target.app, release or _newest(target), order, progress)


@releases.command()
@click.argument("release", shell_complete=options.releases)
@options.with_id
@with_order
@options.on_app
def rollback(target: Target, release: str, id_only: bool, order: Order) -> None:
    """Go back to an older release: promote a copy of it."""
    with output.progress(aside=id_only) as progress:
        new = promotion.roll_back(target.rack, target.app, release, order, progress)
    if id_only:
        output.show(new)


@releases.command("follow")
@click.argument("release", required=False, shell_complete=options.releases)
@options.on_app
def follow_(target: Target, release: str | None) -> None:
    """Watch the promotion of a release until it has ended; the newest promotion if none is named."""
    release = release or follow.last_promoted(target.rack, target.app) or _newest(target)
    with output.progress(aside=False) as progress:
        progress.begin(f"Promoting {release}")
        follow.until_ended(target.rack, target.app, release, progress)
        progress.done()


@releases.command("create-from")
@click.option("--build-from", metavar="RELEASE", help="Take the build of this release.")
@click.option("--use-active-release-build", is_flag=True, help="Take the build of the active release.")
@click.option("--env-from", metavar="RELEASE", help="Take the environment of this release.")
@click.option("--use-active-release-env", is_flag=True, help="Take the environment of the active release.")
@click.option("-p", "--promote", "is_promoted", is_flag=True, help="Promote it at once.")
@options.accept_wait
@options.with_id
@options.with_reason
@options.on_app
def create_from(target: Target, *, is_promoted: bool, id_only: bool, reason: str | None, **sources: object) -> None:
    """Make a release of one release's build and another's environment."""
    build_from = _source(target, sources["build_from"], sources["use_active_release_build"], "build")
    env_from = _source(target, sources["env_from"], sources["use_active_release_env"], "env")
    with output.progress(aside=id_only) as progress:
        progress.begin("Creating release")
        form = {"build": _get(target, build_from).build, "env": _get(target, env_from).env, "reason": reason}
        new = target.rack.create(types.Release, routes.releases(target.app), form)
        progress.done(f"OK, {new.id}")
        if is_promoted:
            promotion.promote(target.rack, target.app, new.id, Order(reason=reason), progress)
    if id_only:
        output.show(new.id)


def _status(release: types.Release, active: str) -> str:
    return "active" if release.id == active else "gone" if release.gone else ""


def _newest(target: Target) -> str:
    found = promotion.newest(target.rack, target.app)
    if found is None:
        raise errors.not_found(f"no releases of {target.app}", hint="make one: sternway deploy")
    return found.id


def _source(target: Target, named: object, is_active: object, what: str) -> str:
    if bool(named) == bool(is_active):
        hint = f"give either --{what}-from or --use-active-release-{what}"
        raise errors.usage(f"where the {what} comes from is not clear", hint=hint)
    return str(named) if named else target.rack.fetch(types.App, routes.app(target.app)).release


def _get(target: Target, release: str) -> types.Release:
    return target.rack.fetch(types.Release, routes.release(target.app, release))
