"""The entry point of `sternway` and `convox`, one program: its commands, and how each ends."""

import errno
import os
import sys
from collections.abc import Sequence

import click

from sternway.cli import errors
from sternway.cli.lazy import LazyGroup
from sternway.cli.letters import printable

NAMES = ("sternway", "convox")

COMMANDS = {
    "api": ("rack:api", "Read a path of the rack's API."),
    "apps": ("apps:apps", "List, create, show, lock and delete apps."),
    "build": ("builds:build", "Build a directory into a release."),
    "builds": ("builds:builds", "List and show builds."),
    "channel": ("sternway.cli.local.channel:channel", "Make and fill a channel of versions."),
    "completion": ("version:completion", "Print what makes a shell complete commands."),
    "cp": ("copies:cp", "Copy files to a process or from one."),
    "deploy": ("builds:deploy", "Build a directory and promote its release."),
    "env": ("environment:env", "Show and change the environment."),
    "exec": ("sessions:execute", "Run a command inside a process."),
    "history": ("history:history", "List what was active when, and why."),
    "login": ("login:login", "Save a rack's address and password."),
    "logs": ("logs:logs", "Show what processes print."),
    "manifest": ("sternway.cli.local.manifest:manifest", "Check a convox.yml without a rack."),
    "proxy": ("proxy:proxy", "Reach hosts of the rack from this machine."),
    "ps": ("processes:ps", "List, show and stop processes."),
    "rack": ("rack:rack", "Show, update and stop the rack."),
    "racks": ("rack:racks", "List the racks that are saved."),
    "registries": ("registries:registries", "List, add and remove logins at image registries."),
    "releases": ("releases:releases", "List, show, promote and roll back releases."),
    "restart": ("services:restart", "Restart every service."),
    "run": ("sessions:run", "Run a command in a process of its own."),
    "scale": ("services:scale", "Show or set how many processes a service has."),
    "services": ("services:services", "List and restart services."),
    "switch": ("rack:switch", "Choose the rack to talk to."),
    "tokens": ("tokens:tokens", "List, make and revoke deploy tokens."),
    "update": ("sternway.cli.local.update:update", "Move this program to another version of itself."),
    "users": ("users:users", "List, add and remove users of the rack."),
    "version": ("version:version", "Print the versions of this program and of the rack."),
}


def _print_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from sternway.cli.commands.version import own_version

        click.echo(own_version())
        ctx.exit()


@click.group(
    cls=LazyGroup,
    lazy={
        name: (at if at.startswith("sternway.") else f"sternway.cli.commands.{at}", line)
        for name, (at, line) in COMMANDS.items()
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version of this program.",
)
def root() -> None:
    """Deploy apps to a rack, and go back to any release at any time."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command that was typed, and exit as it ended."""
    _leave(run(sys.argv[1:] if args is None else args))


def run(args: Sequence[str]) -> int:
    """Run a command and return its exit code; whatever goes wrong ends as lines on stderr."""
    try:
        return root.main(list(args), prog_name=program(), standalone_mode=False) or errors.ExitCode.DONE
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return errors.ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        return errors.ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _silenced()
    except Exception as exc:  # noqa: BLE001 - the edge of a command: people get a line, not a traceback
        return report(_failure(exc))


def program() -> str:
    """Return the name that the program was called by."""
    name = os.path.basename(sys.argv[0])
    return name if name in NAMES else NAMES[0]


def _leave(code: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # What could not be written was reported when it was tried first; nobody may be there to read it.
        code = code or errors.ExitCode.FAILED
    # Not sys.exit: taking the interpreter apart costs a quick command several milliseconds and gains nothing.
    os._exit(code)


def report(exc: errors.CommandFailed) -> int:
    """Write what failed to stderr, and return the exit code for it."""
    prefix = "" if isinstance(exc, errors.Interrupted) else "ERROR: "
    lines = f"{prefix}{exc.message}".splitlines()
    lines += [f"hint: {_in_our_name(exc.hint)}"] if exc.hint else []
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return exc.exit_code


def _in_our_name(hint: str) -> str:
    # Hints, those of the rack too, are written for `sternway`; whoever typed `convox` gets to type it again.
    return hint.replace(f"{NAMES[0]} ", f"{program()} ")


def _failure(exc: Exception) -> errors.CommandFailed:
    if isinstance(exc, errors.CommandFailed):
        return exc
    if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
        return errors.CommandFailed(f"cannot write: {exc.strerror}", hint="make room on the disk")
    return _mistyped(exc) if isinstance(exc, click.ClickException) else _unexpected(exc)


def _mistyped(exc: click.ClickException) -> errors.CommandFailed:
    ctx = exc.ctx if isinstance(exc, click.UsageError) else None
    return errors.usage(exc.format_message(), hint=f"{ctx.command_path if ctx else program()} --help")


def _unexpected(exc: Exception) -> errors.CommandFailed:
    if os.environ.get("STERNWAY_TRACE"):
        import traceback

        traceback.print_exception(exc)
    hint = "set STERNWAY_TRACE=1 for the trace"
    return errors.CommandFailed(f"unexpected: {type(exc).__name__}: {exc}", hint=hint)


def _silenced() -> int:
    # Whoever read stdout has gone (`… | head`): what Python flushes at its exit must not complain either.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return errors.ExitCode.FAILED


if __name__ == "__main__":
    main()
