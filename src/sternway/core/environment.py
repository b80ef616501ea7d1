"""Environments: the variables of a release, and what reaches a service.

The text form is `KEY=VALUE` lines, as clients send it; values may hold `=` and have no quoting.
Values are secret: an Environment never shows them in its repr.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sternway.core.errors import EnvironmentMissing, InvalidInput
from sternway.core.names import is_environment_key

MAX_BYTES = 1024 * 1024


class Environment(Mapping[str, str]):
    """An immutable mapping of variable to value, sorted by key."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(sorted((values or {}).items()))

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Environment) and self._values == other._values

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return f"Environment({', '.join(self._values)})"

    def text(self) -> str:
        """Return the `KEY=VALUE` lines, sorted, without a newline at the end."""
        return "\n".join(f"{key}={value}" for key, value in self._values.items())


def parse(text: str) -> Environment:
    """Read `KEY=VALUE` lines; blank lines are skipped, a later line of the same key wins.

    Raises InvalidInput that names the line and never its value.
    """
    if len(text.encode()) > MAX_BYTES:
        raise InvalidInput(f"env: larger than {MAX_BYTES} bytes", hint="keep large values in files or objects")
    return Environment(dict(_pairs(text)))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        key, separator, value = line.rstrip("\r").partition("=")
        if not separator or not is_environment_key(key):
            raise InvalidInput(
                f"env: line {number} is not KEY=VALUE with a key of letters, digits and underscores",
                hint="write one KEY=VALUE a line; values cannot span lines",
            )
        if "\0" in value:
            raise InvalidInput(f"env: the value of {key} holds a NUL byte", hint="remove it")
        yield key, value


def change_description(before: Environment, after: Environment) -> str:
    """Say what changed as `env add:K change:K remove:K`, sorted by key; empty if nothing did."""
    added = [f"add:{key}" for key in after if key not in before]
    changed = [f"change:{key}" for key in after if key in before and after[key] != before[key]]
    removed = [f"remove:{key}" for key in before if key not in after]
    words = added + changed + removed
    return " ".join(["env", *words]) if words else ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One entry of a manifest's `environment`: `NAME` is required, `NAME=default` is not, `*` is everything."""

    name: str
    default: str | None = None


def parse_declaration(entry: str) -> Declaration:
    """Read `NAME`, `NAME=default` or `*`."""
    name, separator, default = entry.partition("=")
    return Declaration(name.strip(), default if separator else None)


def select(environment: Environment, declarations: Iterable[Declaration]) -> Environment:
    """Return what a service with these declarations gets to see.

    A required variable that is missing is left out; `missing` reports it.
    """
    chosen: dict[str, str] = {}
    for declaration in declarations:
        if declaration.name == "*":
            chosen.update(environment)
        elif declaration.name in environment:
            chosen[declaration.name] = environment[declaration.name]
        elif declaration.default is not None:
            chosen[declaration.name] = declaration.default
    return Environment(chosen)


def missing(environment: Environment, declarations: Iterable[Declaration]) -> tuple[str, ...]:
    """Return the names of required variables that are not there, sorted."""
    required = {d.name for d in declarations if d.default is None and d.name != "*"}
    return tuple(sorted(required - set(environment)))


def require(environment: Environment, declarations: Iterable[Declaration]) -> None:
    """Raise EnvironmentMissing as the wire words it: `required env: A, B`."""
    names = missing(environment, declarations)
    if names:
        raise EnvironmentMissing(
            f"required env: {', '.join(names)}", hint=f"sternway env set {' '.join(f'{n}=…' for n in names)}"
        )
