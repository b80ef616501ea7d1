"""`build`, `deploy` and `builds`: from a directory to a release."""

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from sternway.cli import archive, errors, follow, options, output, promotion, source, stream
from sternway.cli.command import Group, command
from sternway.cli.options import Function, Target
from sternway.cli.order import Order, with_order
from sternway.wire import routes, types

HEADER = ("ID", "STATUS", "RELEASE", "STARTED", "ELAPSED", "DESCRIPTION")
POLLS_S = (0.2, 0.3, 0.5)
POLL_S = 1.0
LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a build is told; None and False are not sent."""

    build_args: Sequence[str] = ()
    description: str | None = None
    development: bool = False
    manifest: str | None = None
    no_cache: bool = False
    wildcard_domain: bool = False

    def form(self, commit: source.Commit | None) -> dict[str, object]:
        """Return what is sent along with the source."""
        return {
            "build-args": self.build_args or None,
            "description": self.description or (commit.description if commit else None),
            "development": self.development or None,
            "git-sha": commit.sha if commit else None,
            "manifest": self.manifest,
            "no-cache": self.no_cache or None,
            "wildcard-domain": self.wildcard_domain or None,
        }


def _build_options(function: Function) -> Function:
    for option in (
        click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path)),
        click.option("--build-args", multiple=True, metavar="NAME=VALUE", help="An argument of the build; repeatable."),
        click.option("-d", "--description", help="What the build is called; the commit's subject if none is given."),
        click.option("--development", is_flag=True, help="Build the development stage."),
        click.option("-m", "--manifest", help="The manifest's name, if it is not convox.yml."),
        click.option("--no-cache", is_flag=True, help="Build every step anew."),
        click.option("--wildcard-domain", is_flag=True, help="Ask for a wildcard certificate."),
        options.with_id,
        options.on_app,
    )[::-1]:
        function = option(function)
    return function


@command()
@_build_options
@options.with_reason
def build(target: Target, *, directory: Path, id_only: bool, reason: str | None, **given: object) -> None:
    """Build a directory into a release, and promote nothing."""
    with output.progress(aside=id_only) as progress:
        built = _build(target, directory, Options(**given), reason, progress)  # type: ignore[arg-type]
    if id_only:
        output.show(built.release)


@command()
@_build_options
@with_order
def deploy(target: Target, *, directory: Path, id_only: bool, order: Order, **given: object) -> None:
    """Build a directory and promote its release."""
    with output.progress(aside=id_only) as progress:
        built = _build(target, directory, Options(**given), order.reason, progress)  # type: ignore[arg-type]
        promotion.promote(target.rack, target.app, built.release, order, progress)
    if id_only:
        output.show(built.release)


@click.group(cls=Group, invoke_without_command=True)
@options.with_limit
@options.as_json
@options.on_app
@click.pass_context
def builds(ctx: click.Context, target: Target, limit: int | None, as_json: bool) -> None:
    """List builds, newest first, or act on one."""
    if ctx.invoked_subcommand:
        return
    listed = target.rack.fetch_all(types.Build, routes.builds(target.app), {"limit": limit})
    if as_json:
        return output.show_json(listed)
    now = output.now()
    rows = [
        (b.id, b.status, b.release, output.ago(b.started, now), output.lasted(b.started, b.ended), b.description)
        for b in listed
    ]
    output.show_table(HEADER, rows)


@builds.command()
@click.argument("build_id", metavar="BUILD")
@options.as_json
@options.on_app
def info(target: Target, build_id: str, as_json: bool) -> None:
    """Show a build."""
    found = target.rack.fetch(types.Build, routes.build(target.app, build_id))
    if as_json:
        return output.show_json(found)
    started, elapsed = output.ago(found.started, output.now()), output.lasted(found.started, found.ended)
    pairs = [("Id", found.id), ("Status", found.status), ("Release", found.release), ("Description", found.description)]
    pairs += [("Started", started), ("Elapsed", elapsed), ("Git", found.git_sha), ("Author", found.author)]
    output.show(output.members([*pairs, ("Reason", found.reason)]))


@builds.command("logs")
@click.argument("build_id", metavar="BUILD")
@options.on_app
def logs(target: Target, build_id: str) -> None:
    """Print what a build said, and follow it while it runs."""
    # A stream that is refused says so in its text and ends like any other: so the build is asked for first.
    _fetched(target, build_id)
    for chunk in stream.read(target.rack, _logs(target, build_id), {}):
        output.copy(chunk, sys.stdout)


@builds.command()
@click.argument("build_id", metavar="BUILD")
@options.with_reason
@options.on_app
def cancel(target: Target, build_id: str, reason: str | None) -> None:
    """Stop a build that waits or runs."""
    with output.progress(aside=False) as progress:
        progress.begin(f"Cancelling {build_id}")
        target.rack.send("DELETE", routes.build(target.app, build_id), {"reason": reason})
        progress.done()


def _build(
    target: Target, directory: Path, told: Options, reason: str | None, progress: output.Progress
) -> types.Build:
    url = _upload(target, directory, told, progress)
    progress.begin("Starting build")
    form = told.form(source.commit(directory)) | {"url": url, "reason": reason}
    started = target.rack.create(types.Build, routes.builds(target.app), form)
    progress.done()
    progress.waiting("Building")
    shown = _show_logs(target, started.id, 0, progress)
    ended = _until_ended(target, started.id)
    # A stream that was cut leaves the rest for afterwards: logs replay byte for byte.
    _show_logs(target, started.id, shown, progress)
    _check(ended, target.app)
    progress.step(f"Build:   {ended.id}")
    progress.step(f"Release: {ended.release}")
    return ended


def _upload(target: Target, directory: Path, told: Options, progress: output.Progress) -> str:
    progress.begin("Packaging source")
    with archive.pack(directory, manifest=told.manifest or "convox.yml") as file:
        progress.done()
        progress.begin("Uploading source")
        size_bytes = file.seek(0, 2)
        file.seek(0)
        path = routes.objects(target.app, f"tmp/{secrets.token_hex(15)}.tgz")
        stored = target.rack.upload(
            types.StoredObject, path, file, size_bytes, sent=lambda sent_bytes: progress.moved(sent_bytes, size_bytes)
        )
    progress.done()
    return stored.Url


def _show_logs(target: Target, build_id: str, skip: int, progress: output.Progress) -> int:
    read = 0
    try:
        for chunk in stream.read(target.rack, _logs(target, build_id), {}):
            if new := chunk[max(0, skip - read) :]:
                progress.copy(new)
            read += len(chunk)
    except errors.Unreachable:
        pass
    return max(skip, read)


def _until_ended(target: Target, build_id: str, pause: follow.Pause = time.sleep) -> types.Build:
    give_up_at = time.monotonic() + LIMIT_S
    intervals = iter(POLLS_S)
    while time.monotonic() < give_up_at:
        found = follow.patiently(lambda: _fetched(target, build_id), pause=pause)
        if found.status not in ("created", "running"):
            return found
        pause(next(intervals, POLL_S))
    raise errors.CommandFailed(f"timeout: build {build_id} has not ended yet")


def _fetched(target: Target, build_id: str) -> types.Build:
    return target.rack.fetch(types.Build, routes.build(target.app, build_id))


def _check(ended: types.Build, app: str) -> None:
    if ended.status == "failed":
        message = f"build failed: {ended.reason}" if ended.reason else "build failed"
        raise errors.CommandFailed(message, hint=f"see it again: sternway builds logs {ended.id} -a {app}")
    if ended.status != "complete" or not ended.release:
        raise errors.CommandFailed(f"build ended as {ended.status} without a release")


def _logs(target: Target, build_id: str) -> str:
    return f"{routes.build(target.app, build_id)}/logs"
