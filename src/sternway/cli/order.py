"""How a promotion is asked for, and the options that say so."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from sternway.cli import options
from sternway.cli.client import Form

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Order:
    """How to promote. `timeout_s` bounds the whole rollout in the rack; None leaves it to the rack."""

    force: bool = False
    wait: bool = True
    reason: str | None = None
    timeout_s: int | None = None
    run_rollback_commands: bool = False

    def form(self) -> Form:
        """Return what is sent along."""
        asked = {"force": self.force, "reason": self.reason, "timeout": self.timeout_s}
        return asked | ({"run-rollback-commands": True} if self.run_rollback_commands else {})


def with_order(function: Function) -> Function:
    """Give a command --force, --wait, --timeout and --reason, together as the argument `order`."""
    timeout = click.option("--timeout", type=click.IntRange(min=1), metavar="SECONDS", help="For the whole rollout.")
    return options.with_force(options.with_wait(options.with_reason(timeout(_with_order(function)))))


def _with_order(function: Function) -> Function:
    @functools.wraps(function)
    def called(*args: Any, force: bool, wait: bool, reason: str | None, timeout: int | None, **kwargs: Any) -> Any:
        order = Order(force=force, wait=wait, reason=reason, timeout_s=timeout)
        return function(*args, order=order, **kwargs)

    return called  # type: ignore[return-value]
