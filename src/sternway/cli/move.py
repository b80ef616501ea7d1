"""Moving the rack to another version and back: what `rack update` and `rack rollback` share.

While versions change, the router holds what is asked; nothing that happens to a connection then is an error, and
how the move ended is asked of whichever version answers.
"""

import functools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from sternway.cli import errors, follow, options, output
from sternway.cli.client import Rack
from sternway.wire import routes, types

Function = TypeVar("Function", bound=Callable[..., Any])
Pause = Callable[[float], None]

PREVIOUS = "previous"
LIMIT_S = 3600.0
"""For how long a move is followed; the launcher ends one sooner."""
LOOK_S = 0.5
AWAY = (502, 503, 504)
"""What a router answers while nobody is behind it."""
ROWS_STRANDED = "rows-stranded"
HISTORY = "sternway rack releases --all"


@dataclass(frozen=True, slots=True)
class Order:
    """How to move the rack."""

    wait: bool = False
    force: bool = False
    accept_export: bool = False
    dry_run: bool = False
    reason: str | None = None

    def form(self, version: str) -> dict[str, object]:
        """Return what is sent along."""
        accept_export = self.accept_export or None
        return {"version": version, "force": self.force, "accept-export": accept_export, "reason": self.reason}


def with_order(function: Function) -> Function:
    """Give a command --wait, --force, --accept-export, --dry-run and --reason, together as the argument `order`."""
    accepting = "If the version cannot hold some rows, have them exported to a file and taken out."
    wait = click.option("-w", "--wait", is_flag=True, help="Wait until it is active, or turned back.")
    force = click.option("--force", is_flag=True, help="Take a version that was yanked.")
    accept_export = click.option("--accept-export", is_flag=True, help=accepting)
    dry_run = click.option("--dry-run", is_flag=True, help="Only say what can be found out about it.")
    return wait(force(accept_export(dry_run(options.with_reason(_with_order(function))))))


def _with_order(function: Function) -> Function:
    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        names = ("wait", "force", "accept_export", "dry_run", "reason")
        order = Order(**{name: kwargs.pop(name) for name in names})
        return function(*args, order=order, **kwargs)

    return called  # type: ignore[return-value]


def move(rack: Rack, version: str, order: Order) -> None:
    """Have the rack moved; `version` is one, `PREVIOUS`, or empty for the newest of its channel."""
    if order.dry_run:
        return _check(rack, version, order)
    _send(rack, version, order)
    under_way = _newest(rack) if order.wait or version in ("", PREVIOUS) else None
    target = under_way.id if under_way else version
    system = rack.fetch(types.System, routes.SYSTEM)
    pairs = [("Name", system.name), ("Status", system.status), ("Version", system.version)]
    output.show(output.members([*pairs, ("Count", str(system.count)), ("Type", system.type)]))
    output.show(f"\nUpdating to version: {target}\n")
    if order.wait:
        with output.progress(aside=False) as progress:
            progress.begin(f"Waiting until {target} is active")
            until_ended(rack, under_way or types.Version(target), progress)
            progress.done()


def until_ended(rack: Rack, under_way: types.Version, progress: output.Progress, *, pause: Pause = time.sleep) -> None:
    """Wait until a move has ended; raises with the cause unless the version is active then.

    Interrupting it stops the watching only, and says so.
    """
    give_up_at = time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < give_up_at:
            if follow.patiently(lambda: _has_ended(rack, under_way), pause=pause):
                return
            pause(LOOK_S)
    except KeyboardInterrupt as exc:
        progress.end_line()
        raise errors.Interrupted("The move goes on in the rack.", hint=f"see how it ends: {HISTORY}") from exc
    raise errors.CommandFailed("timeout: the move has not ended yet", hint=f"see how it ends: {HISTORY}")


def _send(rack: Rack, version: str, order: Order) -> None:
    try:
        rack.send("PUT", routes.SYSTEM, order.form(version))
    except errors.Refused as exc:
        if exc.code == ROWS_STRANDED and _accepts(exc):
            return _send(rack, version, replace(order, accept_export=True))
        raise _explained(exc) from exc


def _accepts(refused: errors.Refused) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{refused.message}\n")
    return click.confirm("Export them to a file, take them out, and go on?", err=True)


def _explained(refused: errors.Refused) -> errors.CommandFailed:
    if not refused.is_route_missing:
        return refused
    hint = "see the one it runs: sternway rack releases"
    return errors.CommandFailed("this rack cannot move to another version yet", hint=hint)


def _check(rack: Rack, version: str, order: Order) -> None:
    query = {name: value for name, value in order.form(version).items() if name != "reason"}
    try:
        checks = rack.fetch_all(types.Check, routes.SYSTEM_UPDATE, query)
    except errors.Refused as exc:
        raise _explained(exc) from exc
    rows = [(check.name, "ok" if check.ok else "no", check.found) for check in checks]
    output.show_table(("CHECK", "RESULT", "FOUND"), rows)
    if problem := next((check for check in checks if not check.ok), None):
        raise errors.CommandFailed(f"it would not work: {problem.found}", hint=problem.hint)


def _newest(rack: Rack) -> types.Version | None:
    """Return the newest move; None where the rack has none or keeps none."""
    return next((found for found in _listed(rack) if found.move), None)


def _listed(rack: Rack) -> list[types.Version]:
    return rack.fetch_all(types.Version, routes.SYSTEM_RELEASES, {"all": True})


def _has_ended(rack: Rack, under_way: types.Version) -> bool:
    try:
        if not under_way.move:
            return _is_active(rack, under_way.id)
        found = next((line for line in _listed(rack) if line.move == under_way.move), None)
        if found is None:  # a version serves that does not tell of moves
            return _is_active(rack, under_way.id)
    except errors.Refused as exc:
        if exc.status in AWAY:
            raise errors.Unreachable(exc.message, hint=exc.hint) from exc
        raise
    if found.status == "reverted":
        raise errors.CommandFailed(f"reverted: {found.cause}", hint=f"see: {HISTORY}")
    return found.status != "updating"


def _is_active(rack: Rack, version: str) -> bool:
    system = rack.fetch(types.System, routes.SYSTEM)
    if system.status == "updating":
        return False
    if system.version != version:
        raise errors.CommandFailed(f"reverted: the rack runs {system.version}", hint="see its log: sternway rack logs")
    return True
