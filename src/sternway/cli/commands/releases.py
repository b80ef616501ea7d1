"""`releases`: the history of an app, and the ways through it in both directions."""

import sys
from dataclasses import replace
from typing import Any

import click

from sternway.cli import errors, follow, letters, moments, options, output, promotion, retrospect
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
@click.argument("release", required=False, shell_complete=options.releases)
@click.option("--to", metavar="WHEN", help="The release that was active then: a time, '2 hours ago', or previous.")
@click.option("--only", type=click.Choice(["env", "build"]), help="This part only; the rest stays as it is.")
@click.option("--settings", is_flag=True, help="Bring back scale, parameters and lock of that time too.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing; exits with 1 if it fails.")
@click.option("--run-rollback-commands", is_flag=True, help="Undo what newer releases did, by their own commands.")
@options.with_id
@options.as_json
@with_order
@options.on_app
def rollback(target: Target, *, release: str | None, to: str | None, order: Order, **how: Any) -> None:
    """Go back to an older release: promote a copy of it."""
    back = promotion.Back(_meant(target, release, to), how["only"], how["settings"])
    order = replace(order, run_rollback_commands=how["run_rollback_commands"])
    if how["dry_run"]:
        return _preview(target, back, as_json=how["as_json"], is_undoing=how["run_rollback_commands"])
    with output.progress(aside=how["id_only"] or how["as_json"]) as progress:
        new = promotion.roll_back(target.rack, target.app, back, order, progress)
    if how["as_json"]:
        output.show_json(target.rack.fetch(types.Release, routes.release(target.app, new)))
    elif how["id_only"]:
        output.show(new)


@releases.command()
@click.argument("before", metavar="[A]", required=False, shell_complete=options.releases)
@click.argument("after", metavar="[B]", required=False, shell_complete=options.releases)
@click.option("--reveal", is_flag=True, help="Show the values of variables; that you saw them goes on record.")
@click.option("--manifest", "is_text", is_flag=True, help="Print the difference of the manifests' texts alone.")
@options.as_json
@options.with_reason
@options.on_app
def diff(target: Target, *, before: str | None, after: str | None, reason: str | None, **how: bool) -> None:
    """Show what differs from release A to B: from the one before to the active one, if none are named."""
    form = {"a": before, "b": after}
    if how["reveal"]:
        found = target.rack.create(types.Diff, routes.diff(target.app), {**form, "reason": reason})
    else:
        found = target.rack.fetch(types.Diff, routes.diff(target.app), form)
    if how["as_json"]:
        return output.show_json(found)
    output.show_text(found.manifest_text) if how["is_text"] else retrospect.show_diff(found)


@releases.command("logs")
@click.argument("release", shell_complete=options.releases)
@options.as_json
@options.on_app
def logs_(target: Target, release: str, as_json: bool) -> None:
    """Print what the commands said that promotions of a release ran."""
    runs = target.rack.fetch_all(types.CommandRun, routes.commands(target.app, release))
    if as_json:
        return output.show_json(runs)
    for run in runs:
        sys.stderr.write(f"{run.kind} command of {run.service} ({run.release}): {run.status}\n")
        output.show_text(run.output)


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
        said = f"build of {build_from}, environment of {env_from}"
        content = {"build": _get(target, build_from).build, "env": _get(target, env_from).env}
        form = {**content, "description": said, "reason": reason}
        new = target.rack.create(types.Release, routes.releases(target.app), form)
        progress.done(f"OK, {new.id}")
        if is_promoted:
            promotion.promote(target.rack, target.app, new.id, Order(reason=reason), progress)
    if id_only:
        output.show(new.id)


def _meant(target: Target, release: str | None, to: str | None) -> str:
    """Return the release that is named, or that was active at a point in time."""
    if release == moments.PREVIOUS and to is None:
        release, to = None, moments.PREVIOUS
    if (release is None) == (to is None):
        hint = "name one (sternway releases), or say when it was active: --to previous"
        raise errors.usage("which release is meant is not clear", hint=hint)
    if release:
        return release
    query = {"to": moments.read(to or "", output.now())}
    found = target.rack.fetch(types.Point, routes.point(target.app), query)
    until = f" to {retrospect.at(found.until)}" if found.until else " on"
    said = f"{found.release} was active from {retrospect.at(found.since)}{until}"
    sys.stderr.write(f"{letters.printable(said)}\n")
    return found.release


def _preview(target: Target, back: promotion.Back, *, as_json: bool, is_undoing: bool) -> None:
    found = target.rack.fetch(types.Preview, routes.preview(target.app, back.release), back.form())
    output.show_json(found) if as_json else retrospect.show_preview(found, is_undoing=is_undoing)
    if problem := next((check for check in found.checks if check.result == "problem"), None):
        raise errors.CommandFailed(f"it would not work: {problem.detail}", hint=problem.hint)


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
