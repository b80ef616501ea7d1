"""Secrets from people: asked for without an echo, or line by line from stdin; others can see arguments."""

import sys

import click

from sternway.cli import errors


def secret(what: str, *, is_new: bool = False) -> str:
    """Return what is typed, twice where it is new, or the next line of stdin; raises for an empty one."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, err=True, confirmation_prompt=is_new))
    if read := sys.stdin.readline().rstrip("\r\n"):
        return read
    raise errors.usage(f"no {what.lower()} came from stdin", hint="give each on a line of its own")
