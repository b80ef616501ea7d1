"""The help of each command, and the page that is made of it."""

import shlex

import click
import pytest

from scripts import command_reference
from sternway.cli import examples, main
from tests.cli.conftest import Run

PATHS = [path for path, _ in command_reference.commands()]
LINES = [line for lines in examples.EXAMPLES.values() for line in lines]


def test_page_of_the_commands_is_up_to_date() -> None:
    assert command_reference.FILE.read_text() == command_reference.markdown(), "run scripts/command_reference.py"


def test_every_command_has_examples_of_its_own() -> None:
    assert sorted(examples.EXAMPLES) == sorted(["", *PATHS])
    for path, lines in examples.EXAMPLES.items():
        assert lines
        assert all(line.startswith(path) for line in lines)


@pytest.mark.parametrize("line", LINES)
def test_examples_are_understood(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0].partition(" >> ")[0].partition(" < ")[0])
    ctx: click.Context = main.root.make_context("sternway", words)
    while isinstance(ctx.command, click.Group) and (words := [*ctx._protected_args, *ctx.args]):
        name, command, words = ctx.command.resolve_command(ctx, words)
        assert command is not None
        ctx = command.make_context(name, words, parent=ctx)


@pytest.mark.parametrize("path", PATHS)
def test_help_ends_in_examples(run_alone: Run, path: str) -> None:
    ended = run_alone(*path.split(), "--help")
    shown = "".join(f"  $ sternway {line}\n" for line in examples.of(path))
    assert (ended.code, ended.out.endswith(f"Examples:\n{shown}")) == (0, True)


def test_options_and_commands_say_what_they_are_for() -> None:
    for path, command in command_reference.commands():
        assert command.help, path
        for option in command.params:
            assert isinstance(option, click.Argument) or option.help or option.hidden, f"{path} {option.name}"  # type: ignore[attr-defined]
