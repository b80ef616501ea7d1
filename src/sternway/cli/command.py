"""Commands and groups whose help ends in examples."""

from collections.abc import Callable
from typing import Any

import click


class Command(click.Command):
    """A command; its examples are in `sternway.cli.examples`, which only help pages import."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(ctx, formatter)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(ctx, formatter)


def command(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command with examples."""
    return click.command(*args, cls=Command, **kwargs)


def _write_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    from sternway.cli import examples

    program, _, path = ctx.command_path.partition(" ")
    if lines := examples.of(path):
        with formatter.section("Examples"):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}$ {program} {line}\n")
