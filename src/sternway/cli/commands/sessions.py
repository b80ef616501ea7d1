"""`exec` and `run`: commands inside processes, and processes that run once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from sternway.cli import errors, options, output, session, terminal
from sternway.cli.command import command
from sternway.cli.options import Function, Target
from sternway.wire import routes, types

START_S = 300.0
LOOK_AGAIN_S = 0.2
STARTING = ("starting", "pending", "unhealthy")


@command("exec")
@click.argument("process", metavar="PROCESS|SERVICE", shell_complete=options.processes)
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True)
@click.option("-e", "--entrypoint", is_flag=True, help="Start the command by the entrypoint of the image.")
@options.with_reason
@options.on_app
def execute(target: Target, process: str, words: tuple[str, ...], entrypoint: bool, reason: str | None) -> int:
    """Run a command inside a process, or inside one of a service; it ends with the command's exit code.

    Words that begin with a dash need -- before the command. A single word is split as by a shell.
    """
    path = routes.execute(target.app, process)
    return session.execute(target.rack, path, words, _how(reason, by_entrypoint=entrypoint))


def bounds(function: Function) -> Function:
    """Give a command the options of what a process may use, as keywords."""
    for option in (
        click.option("--cpu", type=click.IntRange(min=1), help="Thousandths of a core."),
        click.option("--memory", type=click.IntRange(min=1), help="MiB."),
        click.option("--cpu-limit", type=click.IntRange(min=1), hidden=True),
        click.option("--memory-limit", type=click.IntRange(min=1), hidden=True),
    )[::-1]:
        function = option(function)
    return function


@command()
@click.argument("service", shell_complete=options.services)
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True)
@click.option("-d", "--detach", is_flag=True, help="Start it, print its id, and leave it alone.")
@click.option("--release", shell_complete=options.releases, help="Run this release and not the active one.")
@click.option(
    "-t", "--timeout", "timeout_s", type=click.IntRange(min=1), default=3600, help="End it after so many seconds."
)
@click.option("-e", "--entrypoint", is_flag=True, help="Start the command by the entrypoint of the image.")
@bounds
@options.with_reason
@options.on_app
def run(  # noqa: PLR0913 - the options of a command
    target: Target,
    service: str,
    words: tuple[str, ...],
    *,
    detach: bool,
    release: str | None,
    timeout_s: int,
    entrypoint: bool,
    reason: str | None,
    **limits: int | None,
) -> int:
    """Run a command in a process of its own, with a service's files and environment.

    It ends with the command's exit code, and the process is gone then. With --detach the process runs the
    command itself, and its outcome stays to be seen for an hour: ps info, logs.
    """
    headers = {name.replace("_", "-").title(): str(value) for name, value in limits.items() if value}
    headers |= ({"Release": release} if release else {}) | options.reason_header(reason)
    if detach:
        started = _start(target, service, headers | {"Command": session.command_line(words)})
        output.show(f"{started.id}\n")
        return errors.ExitCode.DONE
    # An image needs a `sleep` for this, as for every client of this API.
    with _holding(target, service, headers | {"Command": f"sleep {timeout_s}"}) as process_id:
        path = routes.execute(target.app, process_id)
        return session.execute(target.rack, path, words, _how(reason, by_entrypoint=entrypoint))


def _how(reason: str | None, *, by_entrypoint: bool) -> dict[str, str]:
    return ({"Entrypoint": "true"} if by_entrypoint else {}) | options.reason_header(reason)


@contextmanager
def _holding(target: Target, service: str, headers: dict[str, str]) -> Iterator[str]:
    """Have a process that waits, and remove it whatever happens."""
    with terminal.ending_by_exception():
        started = _start(target, service, headers)
        try:
            _wait_until_running(target, started)
            yield started.id
        finally:
            with suppress(errors.Refused):
                target.rack.send("DELETE", routes.process(target.app, started.id))


def _start(target: Target, service: str, headers: dict[str, str]) -> types.Process:
    return target.rack.start(types.Process, routes.run(target.app, service), headers)


def _wait_until_running(target: Target, started: types.Process) -> None:
    deadline = time.monotonic() + START_S
    process = started
    while process.status != "running":
        if process.status not in STARTING or time.monotonic() > deadline:
            hint = f"see what it printed: sternway logs -a {target.app} -s {process.name}"
            raise errors.CommandFailed(f"the process did not start: it is {process.status}", hint=hint)
        time.sleep(LOOK_AGAIN_S)
        process = target.rack.fetch(types.Process, routes.process(target.app, started.id))
