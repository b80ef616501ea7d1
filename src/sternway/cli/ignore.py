"""What `.dockerignore` leaves out: Docker's patterns, the last one that matches decides.

A pattern counts from the top of the source and covers what lies below its match. `*` and `?` stop at a
slash, `**` does not, and `!` takes back.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from posixpath import normpath

from sternway.cli import errors


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: `takes_back` is that of `!`."""

    pattern: re.Pattern[str]
    takes_back: bool


def parse(lines: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of a file, in order; blank lines and comments are none."""
    return tuple(rule for line in lines if (rule := _rule(line)) is not None)


def is_left_out(path: str, rules: Sequence[Rule]) -> bool:
    """Tell whether rules leave out a path (relative, with slashes)."""
    for rule in reversed(rules):
        if rule.pattern.match(path):
            return not rule.takes_back
    return False


def _rule(line: str) -> Rule | None:
    if line.startswith("#") or not line.strip():
        return None
    text = line.strip()
    takes_back = text.startswith("!")
    path = normpath(text[1:].strip() if takes_back else text).lstrip("/")
    if path in ("", "."):
        return None
    try:
        return Rule(re.compile(f"(?:{_translated(path)})(?:/.*)?\\Z", re.DOTALL), takes_back)
    except re.error as exc:
        raise errors.CommandFailed(f".dockerignore: not a pattern: {text}") from exc


def _translated(pattern: str) -> str:
    # Tokens: `**/`, `**`, `*`, `?`, `[…]`, an escaped character, any other one.
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[\^?\]?[^\]]*\]|\\.|.", pattern, re.DOTALL)
    return "".join(_token(token) for token in tokens)


def _token(token: str) -> str:
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in wild:
        return wild[token]
    if len(token) > 2 and token.startswith("["):
        return _class(token[1:-1])
    return re.escape(token[1:] if token.startswith("\\") and len(token) == 2 else token)


def _class(inside: str) -> str:
    negation = "^" if inside.startswith("^") else ""
    body = inside.removeprefix("^")
    # Only the minus keeps its meaning; what else steers a class in Python is escaped.
    return "[" + negation + re.sub(r"([\[\]\\^&~|])", r"\\\1", body) + "]"
