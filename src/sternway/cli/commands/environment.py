"""`env`: the environment of the newest release; a change makes a new release."""

import os
import select
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence

import click

from sternway.cli import errors, letters, options, output, promotion
from sternway.cli.command import Group
from sternway.cli.options import Function, Target
from sternway.cli.order import Order
from sternway.wire import routes, types

Variables = dict[str, str]

QUIET_S = 1.0


@click.group(cls=Group, invoke_without_command=True)
@click.option("--release", help="That of this release, not of the newest.")
@options.as_json
@options.on_app
@click.pass_context
def env(ctx: click.Context, target: Target, release: str | None, as_json: bool) -> None:
    """Show the environment, or change it."""
    if ctx.invoked_subcommand:
        return
    variables = _read(target, release)
    output.show_json(dict(sorted(variables.items()))) if as_json else output.show_text(_text(variables, end="\n"))


@env.command()
@click.argument("name")
@click.option("--release", help="That of this release, not of the newest.")
@options.on_app
def get(target: Target, name: str, release: str | None) -> None:
    """Print the value of one variable."""
    variables = _read(target, release)
    if name not in variables:
        raise errors.not_found(f"env not found: {name}", hint="see all of them: sternway env")
    output.show_text(f"{variables[name]}\n")


def _change(function: Function) -> Function:
    promoted = click.option("-p", "--promote", is_flag=True, help="Promote the new release at once.")
    return promoted(options.with_id(options.with_reason(options.with_wait(options.on_app(function)))))


@env.command("set")
@click.argument("pairs", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--replace", is_flag=True, help="Drop every variable that is not named.")
@_change
def set_(target: Target, pairs: Sequence[str], replace: bool, **how: object) -> None:
    """Set variables. Without any named here, lines NAME=VALUE are read from a pipe.

    With some, stdin is left alone: in a script it may well be the script itself.
    """
    given = _parse(pairs or _piped())
    if not given:
        raise errors.usage("no variables are given", hint="sternway env set NAME=VALUE")
    before = {} if replace else _read(target, None)
    _release(target, f"Setting {', '.join(given)}", before | given, how)


@env.command()
@click.argument("names", nargs=-1, required=True)
@_change
def unset(target: Target, names: Sequence[str], **how: object) -> None:
    """Remove variables."""
    before = _read(target, None)
    for name in names:
        if name not in before:
            sys.stderr.write(f"{letters.printable(name)} is not set.\n")
    if before.keys().isdisjoint(names):
        return
    left = {name: value for name, value in before.items() if name not in names}
    _release(target, f"Unsetting {', '.join(names)}", left, how)


@env.command()
@_change
def edit(target: Target, **how: object) -> None:
    """Change the variables in $EDITOR."""
    before = _read(target, None)
    after = _parse(_edited(_text(before, end="\n")).splitlines())
    if after == before:
        sys.stderr.write("Nothing was changed.\n")
        return
    _release(target, "Setting environment", after, how)


def _release(target: Target, what: str, variables: Variables, how: dict[str, object]) -> None:
    reason = str(how["reason"]) if how["reason"] else None
    order = Order(wait=bool(how["wait"]), reason=reason)
    with output.progress(aside=bool(how["id_only"])) as progress:
        progress.begin(what)
        form = {"env": _text(variables), "reason": reason}
        new = target.rack.create(types.Release, routes.releases(target.app), form)
        progress.done()
        progress.step(f"Release: {new.id}")
        if how["promote"]:
            promotion.promote(target.rack, target.app, new.id, order, progress)
    if how["id_only"]:
        output.show(new.id)


def _read(target: Target, release: str | None) -> Variables:
    if release is None:
        # Lists may leave the environment out, so the release is fetched itself.
        newest = promotion.newest(target.rack, target.app)
        if newest is None:
            return {}
        release = newest.id
    return _parse(target.rack.fetch(types.Release, routes.release(target.app, release)).env.splitlines())


def _parse(lines: Iterable[str]) -> Variables:
    variables: Variables = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not name or "\n" in line:
            # Neither the line nor its value is repeated: it may be a secret.
            raise errors.usage("a variable is not NAME=VALUE on one line", hint="sternway env set NAME=VALUE")
        variables[name] = value
    return variables


def _text(variables: Variables, *, end: str = "") -> str:
    lines = [f"{name}={value}" for name, value in sorted(variables.items())]
    return "\n".join(lines) + (end if lines else "")


def _piped() -> list[str]:
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return []
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return []
    if not select.select([sys.stdin], [], [], QUIET_S)[0]:
        # Reading goes on, as whoever writes may be slow; but a pipe that somebody left open never ends.
        sys.stderr.write("Reading NAME=VALUE lines from stdin; use </dev/null if there are none.\n")
    return [line for text in sys.stdin if (line := text.rstrip("\r\n")) and not line.startswith("#")]


def _edited(text: str) -> str:
    with tempfile.NamedTemporaryFile("w+", prefix="env-", suffix=".txt") as file:
        file.write(text)
        file.flush()
        editor = os.environ.get("EDITOR") or "vi"
        # Through a shell, since EDITOR may hold options; a person sits at it, so it has no time-out.
        if subprocess.run(["sh", "-c", f'{editor} "$1"', "sh", file.name], check=False).returncode:
            raise errors.CommandFailed(f"{editor} failed, nothing was changed")
        with open(file.name) as changed:
            return changed.read()
