"""`logs`, for apps and for the rack: what processes print, as it comes."""

import sys

import click

from sternway.cli import client, errors, options, output, stream
from sternway.cli.command import command
from sternway.cli.options import Function, Target
from sternway.wire import routes

HEADERS = {
    "filter": "Filter",
    "since": "Since",
    "tail": "Tail",
    "allow_previous": "Previous",
    "max_log_requests": "Maxlogrequests",
}


REFUSED = b"ERROR: "
"""Begins the one line of a stream that a rack refuses; lines of logs begin with their time."""


def log_options(function: Function) -> Function:
    """Give a command the options of logs, as keywords for `show`."""
    for option in (
        click.option("--since", metavar="DURATION", help="How far to go back, as 10m or 1h30m; 2m if not given."),
        click.option("--filter", help="Only lines that contain this."),
        click.option("--no-follow", is_flag=True, help="End with the last line there is now."),
        click.option("--tail", type=click.IntRange(min=0), help="Only the last so many lines."),
        click.option("--allow-previous", is_flag=True, help="Those of the process before a restart too."),
        click.option("--max-log-requests", type=click.IntRange(min=1), hidden=True),
    )[::-1]:
        function = option(function)
    return function


@command()
@click.option("-s", "--service", help="Only this service.")
@log_options
@options.on_app
def logs(target: Target, service: str | None, **given: object) -> None:
    """Show what the processes of an app print, and what the rack does for it."""
    path = routes.services(target.app) + f"/{client.segment(service)}" if service else routes.app(target.app)
    show(target.rack, f"{path}/logs", given, owner=routes.app(target.app))


def show(rack: client.Rack, path: str, given: dict[str, object], *, owner: str | None = None) -> None:
    """Write the lines at a path until the rack ends them or a person does; raises if there is no `owner`."""
    headers = _headers(given)
    if owner:
        # This has a status and a hint, which a stream that is refused has not.
        rack.read(owner)
    is_first = True
    for chunk in stream.read(rack, path, headers):
        if is_first and chunk.startswith(REFUSED):
            raise _refusal(chunk)
        is_first = False
        output.copy(chunk, sys.stdout)


def _refusal(chunk: bytes) -> errors.CommandFailed:
    """Return the error; a stream has no status, only words."""
    message = chunk.removeprefix(REFUSED).decode(errors="replace").strip()
    return errors.not_found(message) if " not found" in message else errors.CommandFailed(message)


def _headers(given: dict[str, object]) -> dict[str, str]:
    # By identity: a tail of 0 is asked for, though it equals False.
    asked = {name: value for name, value in given.items() if value is not None and value is not False}
    headers = {HEADERS[name]: _value(value) for name, value in asked.items() if name in HEADERS}
    return {"Prefix": "true"} | ({"Follow": "false"} if given["no_follow"] else {}) | headers


def _value(value: object) -> str:
    text = "true" if value is True else str(value)
    if not text.isprintable():
        raise errors.usage("an option of logs has characters that cannot be sent", hint="leave out line breaks")
    return text
