"""Write docs/commands.md from the commands themselves."""

from collections.abc import Iterator
from pathlib import Path

import click

from sternway.cli import examples, main
from sternway.cli.command import Command, Group

FILE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

INTRODUCTION = """\
# Commands

<!-- Written by scripts/command_reference.py from the commands: change those. -->

`sternway` and `convox` are the same program under two names. `-h` or `--help` after any command prints what stands
here.

## What holds for all

**Which rack**: the first of `RACK_URL` (`https://USER:PASSWORD@HOST[:PORT]`), `CONVOX_HOST` with `CONVOX_PASSWORD`,
`-r NAME`, `CONVOX_RACK`, a file `.sternway/rack` or `.convox/rack` in the current directory, and the rack that `switch`
or `login` chose. Saved racks are files in `~/.config/sternway/racks`, readable for their owner alone; those of
`~/.config/convox` are seen too. `STERNWAY_CONFIG` or `CONVOX_CONFIG` names another directory.

**Which app**: `-a NAME`, a file `.sternway/app` or `.convox/app` in the current directory, or the name of that
directory.

**Who**: `CONVOX_ACTOR`, or `user@machine`, is what the rack's history says. `--reason` adds why.

**Output**: data goes to stdout, everything else to stderr; progress goes to stdout unless `--id` leaves it to an id.
`--json` prints what the API answered. On a terminal, tables are cut to its width and the line of what is under way is
written anew; `NO_COLOR` or `TERM=dumb` gives plain lines there too. Colours are never used.

**Waiting**: commands that promote wait until the promotion has ended, unless `--no-wait` is given; `-w` is taken
everywhere. Interrupting one stops the watching, and not the promotion.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | typed wrongly, or no rack is chosen |
| 3 | not found |
| 4 | conflict: it exists, it is locked, another was faster |
| 130 | interrupted |

An error is a line `ERROR: …` and, where there is one, a line `hint: …` with what to do next.

**Completion**: `sternway completion bash >> ~/.bashrc`, `sternway completion zsh >> ~/.zshrc`, or
`sternway completion fish > ~/.config/fish/completions/sternway.fish`.
"""


def write() -> None:
    """Write the page."""
    FILE.write_text(markdown())


def markdown() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *(_section(path, found) for path, found in commands())])


def commands() -> Iterator[tuple[str, Command | Group]]:
    """Give every command with its path, in the order of the alphabet."""
    ctx = main.root.make_context("sternway", ["version"])
    for name in main.root.list_commands(ctx):
        found = main.root.get_command(ctx, name)
        yield from _below(ctx, name, found)


def _below(ctx: click.Context, path: str, found: click.Command | None) -> Iterator[tuple[str, Command | Group]]:
    assert isinstance(found, Command | Group), f"{path} has no examples"
    yield path, found
    if isinstance(found, Group):
        for name in found.list_commands(ctx):
            yield from _below(ctx, f"{path} {name}", found.get_command(ctx, name))


def _section(path: str, found: click.Command) -> str:
    ctx = click.Context(found, info_name=f"sternway {path}")
    usage = " ".join(["sternway", path, *found.collect_usage_pieces(ctx)])
    lines = [f"## {path}", "", *_paragraphs(found), "", "```", usage, "```", *_options(ctx, found)]
    shown = [f"$ sternway {line}" for line in examples.of(path)]
    return "\n".join([*lines, "", "```console", *shown, "```", ""])


def _paragraphs(found: click.Command) -> list[str]:
    return [line.strip() for line in (found.help or "").splitlines()]


def _options(ctx: click.Context, found: click.Command) -> list[str]:
    records = [record for parameter in found.get_params(ctx) if (record := _record(ctx, parameter))]
    rows = [f"| `{names}` | {text} |" for names, text in records]
    return ["", "| Option | Meaning |", "|---|---|", *rows] if rows else []


def _record(ctx: click.Context, parameter: click.Parameter) -> tuple[str, str] | None:
    if isinstance(parameter, click.Argument) or "--help" in parameter.opts:
        return None
    record = parameter.get_help_record(ctx)
    return record and (record[0].replace("|", "\\|"), record[1].replace("|", "\\|"))


if __name__ == "__main__":
    write()
