"""Asking people on a terminal why they change something, where the app's parameter says so."""

import sys
from dataclasses import replace
from typing import Any

import click

from sternway.cli import errors
from sternway.cli.options import Target
from sternway.cli.order import Order
from sternway.wire import routes, types

PARAMETER = "AskReason"
_YES = ("yes", "true", "on", "1")


def completed(target: Target, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a command with a reason, if it takes one, nobody gave it and somebody can be asked."""
    if given.get("dry_run") or not sys.stdin.isatty():
        return given
    order = given.get("order")
    if isinstance(order, Order) and order.reason is None:
        return {**given, "order": replace(order, reason=_asked(target, given))}
    if "reason" in given and given["reason"] is None:
        return {**given, "reason": _asked(target, given)}
    return given


def _asked(target: Target, given: dict[str, Any]) -> str | None:
    name = given.get("name")
    if not _is_wished(target, str(name) if name else target.app):
        return None
    return str(click.prompt("Why? (for the history)", err=True))


def _is_wished(target: Target, app: str) -> bool:
    """Tell whether the app asks; one that is not there, or a rack that does not answer, is the command's to report."""
    try:
        found = target.rack.fetch(types.App, routes.app(app))
    except errors.CommandFailed:
        return False
    return found.parameters.get(PARAMETER, "").lower() in _YES
