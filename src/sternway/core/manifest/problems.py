"""What is wrong with a manifest: where, what and on which line.

Values may come from the environment and are secret, so nothing here ever quotes one. Pydantic's errors are
worded anew for that reason, and because their words are not for people who write YAML.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from sternway.core.errors import ManifestInvalid

FILE_NAME = "convox.yml"
MAX_SHOWN = 100
MAX_KEY_SHOWN = 60

_PLAIN_KEY = re.compile(r"[\w.${}/-]+", re.ASCII)
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "dict_type": "must be a map",
    "mapping_type": "must be a map",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be a map",
    "literal_error": "must be one of {expected}",
}
_OURS = "sternway"
"""The type of the errors that our own readers raise: their message is fit to be shown."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One line of a report."""

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place or FILE_NAME}: {self.message} (line {self.line})"


def report(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Word the problems in the order of the file, each once, at most MAX_SHOWN and how many more there are."""
    ordered = sorted(set(problems))
    lines = [str(problem) for problem in ordered[:MAX_SHOWN]]
    if rest := ordered[MAX_SHOWN:]:
        lines.append(str(Problem(rest[0].line, "", f"and {len(rest)} more, from here on")))
    return tuple(lines)


def invalid(problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> ManifestInvalid:
    """Return the error that lists all of them, one a line, and carries the warnings."""
    hint = "correct the lines named, then try again"
    return ManifestInvalid("\n".join(report(problems)), hint=hint, warnings=report(warnings))


def place(path: Path) -> str:
    """Write a path as `services.web.port`; a key that could blur the line is quoted."""
    return ".".join(_key(part) for part in path)


def _key(part: str | int) -> str:
    text = str(part)
    if _PLAIN_KEY.fullmatch(text) and len(text) <= MAX_KEY_SHOWN:
        return text
    return json.dumps(text if len(text) <= MAX_KEY_SHOWN else text[:MAX_KEY_SHOWN] + "…")


def wording(error: ErrorDetails) -> str:
    """Say in our words what pydantic found, without the value that it found."""
    if error["type"] == _OURS:
        return error["msg"]
    context: dict[str, Any] = error.get("ctx", {})
    words = _WORDS.get(error["type"], "is not valid")
    return words.format(expected=context.get("expected", ""))
