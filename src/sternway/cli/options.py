"""The options that many commands share, and what a command acts on: a rack and an app."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from sternway.cli import errors
from sternway.cli.settings import Settings

if TYPE_CHECKING:
    from sternway.cli.client import Rack

Function = TypeVar("Function", bound=Callable[..., Any])


class Target:
    """What a command acts on, found out when it is first asked for: `rack stop` never asks for a rack."""

    def __init__(self, settings: Settings, *, app: str | None, rack: str | None) -> None:
        self.settings = settings
        self._app = app
        self._rack = rack

    @functools.cached_property
    def rack(self) -> "Rack":
        """Return the chosen rack; raises if none is chosen."""
        from sternway.cli import address, client

        url = self.settings.rack_url(self._rack)
        name = self.settings.rack_header(self._rack)
        return client.Rack(address.parse(url), actor=actor(self.settings), name=name)

    def close(self) -> None:
        """Close the connection to the rack, if there is one."""
        if "rack" in self.__dict__:
            self.rack.close()

    @property
    def has_rack(self) -> bool:
        """Tell whether any rack is chosen."""
        return self.settings.has_rack(self._rack)

    @functools.cached_property
    def app(self) -> str:
        """Return the name of the chosen app."""
        return self.settings.app(self._app)


def actor(settings: Settings) -> str:
    """Return who acts, for the rack's history: CONVOX_ACTOR, else user@host; percent-encoded where not ASCII."""
    named = settings.environ.get("CONVOX_ACTOR") or f"{_user()}@{os.uname().nodename}"
    return quote(named, safe="@:/+ ")


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Containers run under numbers that have no name.
        return str(os.getuid())


def on_rack(function: Function) -> Function:
    """Give a command -r, and its Target as the first argument."""
    return click.option("-r", "--rack", expose_value=False, callback=_remember, help="The rack to talk to.")(
        with_target(function)
    )


def on_app(function: Function) -> Function:
    """Give a command -a and -r, and its Target as the first argument."""
    named = click.option(
        "-a", "--app", expose_value=False, callback=_remember, shell_complete=apps, help="The app that is meant."
    )
    return named(on_rack(asking_why(function)))


def asking_why(function: Function) -> Function:
    """Have a command that takes a reason ask for it on a terminal, where the app says so."""

    @functools.wraps(function)
    def called(target: Target, *args: Any, **kwargs: Any) -> Any:
        if "reason" in kwargs or "order" in kwargs:
            from sternway.cli import reasons

            kwargs = reasons.completed(target, kwargs)
        return function(target, *args, **kwargs)

    return called  # type: ignore[return-value]


def releases(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the id of a release, for the `shell_complete` of an argument."""
    from sternway.cli import complete

    return complete.releases(ctx, parameter, begun)


def versions(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete a version that the rack had, for the `shell_complete` of an argument."""
    from sternway.cli import complete

    return complete.versions(ctx, parameter, begun)


def processes(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the name of a service or the id of a process, for the `shell_complete` of an argument."""
    from sternway.cli import complete

    return complete.processes(ctx, parameter, begun)


def services(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the name of a service, for the `shell_complete` of an argument."""
    from sternway.cli import complete

    return complete.services(ctx, parameter, begun)


def as_json(function: Function) -> Function:
    """Give a command --json, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the objects of the API as JSON.")(function)


def with_id(function: Function) -> Function:
    """Give a command --id, as the argument `id_only`."""
    text = "Print nothing but the new release's id on stdout."
    return click.option("--id", "id_only", is_flag=True, help=text)(function)


def with_reason(function: Function) -> Function:
    """Give a command --reason, as the argument `reason`."""
    return click.option("--reason", help="Why, for the history.")(function)


def reason_header(reason: str | None) -> dict[str, str]:
    """Return the header that says why, where a request has no form to say it in."""
    return {"Reason": " ".join(reason.split())} if reason else {}


def with_wait(function: Function) -> Function:
    """Give a command --wait and --no-wait, as the argument `wait`."""
    text = "Wait until the promotion has ended (the default)."
    return click.option("-w", "--wait/--no-wait", "wait", default=True, help=text)(function)


def accept_wait(function: Function) -> Function:
    """Take -w where the command always waits, or where there is nothing to wait for: scripts pass it everywhere."""
    return click.option("-w", "--wait", is_flag=True, hidden=True, expose_value=False)(function)


def with_force(function: Function) -> Function:
    """Give a command --force, as the argument `force`."""
    return click.option("--force", is_flag=True, help="Supersede a promotion that is under way.")(function)


def with_limit(function: Function) -> Function:
    """Give a command -l, as the argument `limit`."""
    return click.option("-l", "--limit", type=click.IntRange(min=1), help="How many to list.")(function)


def with_target(function: Function) -> Function:
    """Give a command its Target as the first argument."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        settings = Settings(os.environ, Path.cwd())
        target = Target(settings, app=ctx.meta.get("sternway.app"), rack=ctx.meta.get("sternway.rack"))
        ctx.call_on_close(target.close)
        return function(target, *args, **kwargs)

    return called  # type: ignore[return-value]


def apps(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the name of an app, for the `shell_complete` of an argument."""
    from sternway.cli import complete

    return complete.apps(ctx, parameter, begun)


def _remember(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    # The metadata is shared by a group and its commands, so that -a may stand before or after the command.
    if value is not None:
        ctx.meta[f"sternway.{option.name}"] = value


def name_and_value(text: str) -> tuple[str, str]:
    """Read NAME=VALUE; raises the error for a wrong call."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise errors.usage(f"not NAME=VALUE: {text}", hint="an empty value, NAME=, is the default")
    return name, value
