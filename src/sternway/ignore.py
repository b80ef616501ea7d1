"""What `.dockerignore` leaves out: Docker's patterns, the last one that matches decides.

The command line goes by it when it packs a source, and builders when they hand a part of one on. A pattern
counts from the top of the directory and covers what lies below its match. `*` and `?` stop at a slash, `**`
does not, and `!` takes back.
"""

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath

FILE = ".dockerignore"


class BadPattern(ValueError):
    """A line that is no pattern; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: `takes_back` is that of `!`."""

    pattern: re.Pattern[str]
    takes_back: bool


def parse(lines: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of a file, in order; blank lines and comments are none."""
    return tuple(rule for line in lines if (rule := _rule(line)) is not None)


def read(directory: Path) -> tuple[Rule, ...]:
    """Return the rules at the top of a directory; none without a file. Raises BadPattern, and OSError."""
    file = directory / FILE
    return parse(file.read_text(encoding="utf-8-sig", errors="replace").splitlines()) if file.is_file() else ()


def paths(directory: Path, rules: Sequence[Rule], *, keep: Collection[str], never: str = "") -> Iterator[str]:
    """Yield what rules leave of a directory, sorted, relative, with slashes: files, directories and links.

    `keep` are paths that stay whatever the rules say; what is named `never` goes wherever it is.
    """
    return _below(directory, "", rules, (keep, never))


def is_left_out(path: str, rules: Sequence[Rule]) -> bool:
    """Tell whether rules leave out a path (relative, with slashes)."""
    for rule in reversed(rules):
        if rule.pattern.match(path):
            return not rule.takes_back
    return False


def _below(
    directory: Path, inside: str, rules: Sequence[Rule], exceptions: tuple[Collection[str], str]
) -> Iterator[str]:
    keep, never = exceptions
    takes_back = any(rule.takes_back for rule in rules)
    for entry in sorted(os.scandir(directory / inside), key=lambda entry: entry.name):
        path = f"{inside}/{entry.name}" if inside else entry.name
        if entry.name == never or not _is_packable(entry):
            continue
        is_in = path in keep or not is_left_out(path, rules)
        if is_in:
            yield path
        is_on_the_way = any(kept.startswith(f"{path}/") for kept in keep)
        if entry.is_dir(follow_symlinks=False) and (is_in or takes_back or is_on_the_way):
            yield from _below(directory, path, rules, exceptions)


def _is_packable(entry: "os.DirEntry[str]") -> bool:
    mode = entry.stat(follow_symlinks=False).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


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
        raise BadPattern(f"{FILE}: not a pattern: {text}") from exc


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
