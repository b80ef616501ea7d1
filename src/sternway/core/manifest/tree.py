"""Nodes as plain maps, lists and text, with `${NAME}` filled in and merge keys (`<<`) written out.

Interpolation happens here, scalar by scalar and after the YAML was read, so no value can add structure.
Keys are shown in reports as they were written, never with the value of a variable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sternway.core.manifest.nodes import MAX_CHARACTERS, REFERENCE, Entries, Items, Node, Scalar
from sternway.core.manifest.problems import Path, Problem, invalid, place

MERGE = "<<"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Unresolved(str):
    """Text with a `${NAME}` whose value is not known: it is kept as it stands and not judged."""

    __slots__ = ()


class Table(dict[str, Any]):
    """A map that knows where it stands in the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole file. `lines` has the line of each value, `keys` a key as written where a variable made it."""

    root: Table
    lines: Mapping[Path, int]
    keys: Mapping[Path, str]
    problems: tuple[Problem, ...]

    def known(self, path: Path) -> Path:
        """Return as much of the path as stands in the file."""
        while path not in self.lines:
            path = path[:-1]
        return path

    def at(self, path: Path) -> Any:
        """Return the value at a known path."""
        value: Any = self.root
        for part in path:
            value = value[part]
        return value

    def problem(self, path: Path, message: str) -> Problem:
        """Name the place and the line of `path`, or of what is nearest above it."""
        known = self.known(path)
        return Problem(self.lines[known], place(_as_written(known, self.keys)), message)


def grow(root: Entries, variables: Mapping[str, str] | None) -> Tree:
    """Make the tree. Without variables each `${NAME}` stays; with them, one that is missing is a problem.

    Raises ManifestInvalid if the variables make the file larger than its bound.
    """
    grower = _Grower(variables)
    table = grower.table(root, ())
    return Tree(table, grower.lines, grower.keys, tuple(grower.problems))


def _as_written(path: Path, keys: Mapping[Path, str]) -> Path:
    return tuple(keys.get(path[: index + 1], part) for index, part in enumerate(path))


@dataclass(slots=True)
class _Grower:
    variables: Mapping[str, str] | None
    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    keys: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    characters: int = 0

    def table(self, node: Entries, path: Path) -> Table:
        table = Table(path)
        for key, value in self._merged(node, path):
            name = self._filled(key, path)
            here = (*path, str(name))
            if name in table:
                self._complain(path, key, f"is there twice, first on line {self.lines[here]}")
                continue
            self.lines[here] = key.line
            if name != key.text:
                self.keys[here] = key.text
            table[str(name)] = self._value(value, here)
        return table

    def _value(self, node: Node, path: Path) -> Any:
        if isinstance(node, Entries):
            return self.table(node, path)
        if isinstance(node, Items):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.items)]
        text = self._filled(node, path)
        # An empty value of a variable leaves nothing behind, as if nothing had been written.
        is_null = node.is_plain and (text == "" or node.text in _NULLS)
        return None if is_null else text

    def _item(self, node: Node, path: Path) -> Any:
        self.lines[path] = node.line
        return self._value(node, path)

    def _merged(self, node: Entries, path: Path) -> Iterator[tuple[Scalar, Node]]:
        """Give the entries of a map after those that it merges in and does not have itself."""
        own = {key.text for key, _ in node.entries}
        lines: dict[str, int] = {}
        for key, value in node.entries:
            if _is_merge(key):
                yield from self._merge(key, value, own, path)
        for key, value in node.entries:
            if key.text in lines:
                self._complain(path, key, f"is there twice, first on line {lines[key.text]}")
                continue
            lines[key.text] = key.line
            if not _is_merge(key):
                yield key, value

    def _merge(self, key: Scalar, value: Node, own: set[str], path: Path) -> Iterator[tuple[Scalar, Node]]:
        sources = value.items if isinstance(value, Items) else (value,)
        taken = set(own)
        for source in sources:
            if not isinstance(source, Entries):
                self._complain(path, key, "must be a map, or a list of maps, to merge")
                continue
            entries = [(k, v) for k, v in self._merged(source, path) if k.text not in taken]
            taken.update(k.text for k, _ in entries)
            yield from entries

    def _complain(self, path: Path, key: Scalar, message: str) -> None:
        where = (*_as_written(path, self.keys), key.text)
        self.problems.append(Problem(key.line, place(where), message))

    def _filled(self, scalar: Scalar, path: Path) -> str:
        names = REFERENCE.findall(scalar.text)
        if not names:
            return scalar.text
        if self.variables is None:
            return Unresolved(scalar.text)
        missing = sorted(set(names) - set(self.variables))
        if missing:
            where = place(_as_written(path, self.keys))
            message = f"needs {' and '.join(missing)}, which the environment does not have"
            self.problems.append(Problem(scalar.line, where, message))
            return Unresolved(scalar.text)
        self._spend(sum(len(self.variables[name]) for name in names), scalar.line)
        variables = self.variables
        return REFERENCE.sub(lambda found: variables[found[1]], scalar.text)

    def _spend(self, characters: int, line: int) -> None:
        self.characters += characters
        if self.characters > MAX_CHARACTERS:
            raise invalid([Problem(line, "", f"grows by more than {MAX_CHARACTERS} characters of variables")])


def _is_merge(key: Scalar) -> bool:
    return key.is_plain and key.text == MERGE
