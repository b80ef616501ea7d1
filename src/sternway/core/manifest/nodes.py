"""YAML text as nodes that know their lines, within bounds.

The parser's events are composed here rather than by PyYAML, so that depth and the growth by aliases are
bounded while reading, and so that scalars stay text: which type `3000` or `1.10` has is for its field to say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from sternway.core.errors import ManifestInvalid
from sternway.core.manifest.problems import Problem, invalid

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 10_000
MAX_CHARACTERS = 4 * 1024 * 1024
"""Depth, values and characters are counted with every alias written out."""

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A variable that is filled in once the YAML has been read."""

_CORE = "tag:yaml.org,2002:"
_TAGS = {None, "!", *(_CORE + name for name in ("str", "int", "float", "bool", "null", "seq", "map"))}
# `${NAME}` is no plain text within `[…]` and `{…}`. While the YAML is read it is written with these two, from the
# end of the private planes, so that it may stand anywhere without quotes.
_OPEN, _CLOSE = "\U0010fffc", "\U0010fffd"
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
_RESERVED = re.compile(f"[{_OPEN}{_CLOSE}]")
# libyaml reads twenty times as fast; the wheels have it, a build from source may not.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is in a node, itself included."""

    values: int = 1
    characters: int = 0
    height: int = 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, and whether it stood there without quotes."""

    text: str
    line: int
    is_plain: bool
    extent: Extent


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    line: int
    extent: Extent


@dataclass(frozen=True, slots=True)
class Entries:
    """A map, with its keys in order and as often as they stand there."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    line: int
    extent: Extent


Node = Scalar | Items | Entries


def read(text: str | bytes) -> Entries:
    """Return the map that the text holds.

    Raises ManifestInvalid with one line: after an error of the syntax, whatever follows is guesswork.
    """
    checked = _checked(_decoded(text))
    try:
        root = _Composer(iter(yaml.parse(checked, Loader=_LOADER))).document()
    except yaml.MarkedYAMLError as exc:
        raise _refusal(_line(exc), _syntax(exc, checked)) from exc
    except yaml.YAMLError as exc:
        raise _refusal(1, "cannot be read as YAML") from exc
    if root is None or (isinstance(root, Scalar) and root.is_plain and not root.text):
        raise _refusal(1, "is empty: it needs at least `services:`")
    if not isinstance(root, Entries):
        raise _refusal(root.line, "must be a map with keys such as `services:` at the top")
    return root


def _refusal(line: int, message: str) -> ManifestInvalid:
    return invalid([Problem(line, "", message)])


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = text.count(b"\n", 0, exc.start) + 1
        raise _refusal(line, "is not UTF-8 text") from exc


def _checked(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refusal(1, f"is larger than {MAX_BYTES} bytes")
    text = text.removeprefix("\ufeff")
    if found := _UNPRINTABLE.search(text) or _RESERVED.search(text):
        raise _refusal(text.count("\n", 0, found.start()) + 1, "holds a control character")
    return REFERENCE.sub(rf"{_OPEN}\1{_CLOSE}", text)


def _restored(text: str) -> str:
    return text.replace(_OPEN, "${").replace(_CLOSE, "}") if _OPEN in text else text


def _line(exc: yaml.MarkedYAMLError) -> int:
    mark = exc.problem_mark or exc.context_mark
    return 1 if mark is None else mark.line + 1


def _first_line(event: yaml.Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1


def _syntax(exc: yaml.MarkedYAMLError, text: str) -> str:
    lines = text.splitlines()[_line(exc) - 1 : _line(exc)]
    if any(line.lstrip(" ").startswith("\t") for line in lines):
        return "cannot be read as YAML: a tab cannot indent, use spaces"
    problem = re.sub(r"\s+", " ", _restored(exc.problem or exc.context or ""))
    return f"cannot be read as YAML: {problem}"


class _Composer:
    """Makes nodes of events. An anchor is known once its node is complete, so none can hold itself."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._values = 0

    def document(self) -> Node | None:
        """Return the root of the only document, or None if there is none."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), depth=1)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _refusal(_first_line(after), "must hold one document, a second one starts here")
        return root

    def _node(self, event: yaml.Event, *, depth: int) -> Node:
        line = _first_line(event)
        if depth > MAX_DEPTH:
            raise _refusal(line, f"is nested more than {MAX_DEPTH} deep")
        self._values += 1
        if self._values > MAX_VALUES:
            raise _refusal(line, f"holds more than {MAX_VALUES} values")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), line)
        tag = getattr(event, "tag", None)
        if tag not in _TAGS:
            raise _refusal(line, "has a YAML tag that is not supported; write plain text, lists and maps")
        node = self._new(event, line, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            raise _refusal(line, "has an alias without an anchor before it")
        return self._anchors[anchor]

    def _new(self, event: yaml.Event, line: int, depth: int) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            items = tuple(self._items(depth))
            return Items(items, line, _extent(items, line))
        if isinstance(event, yaml.MappingStartEvent):
            entries = tuple(self._entries(depth))
            return Entries(entries, line, _extent([node for entry in entries for node in entry], line))
        assert isinstance(event, yaml.ScalarEvent)
        is_plain = not event.style and event.tag is None
        text = _restored(event.value)
        return Scalar(text, line, is_plain, Extent(characters=len(text)))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth=depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth=depth + 1)
            if not isinstance(key, Scalar):
                raise _refusal(key.line, "has a list or a map as a key; a key must be text")
            yield key, self._node(next(self._events), depth=depth + 1)


def _extent(children: tuple[Node, ...] | list[Node], line: int) -> Extent:
    """Add up, and refuse what aliases blow up before anybody walks it."""
    total = Extent(
        values=1 + sum(child.extent.values for child in children),
        characters=sum(child.extent.characters for child in children),
        height=1 + max((child.extent.height for child in children), default=0),
    )
    if total.height > MAX_DEPTH:
        raise _refusal(line, f"is nested more than {MAX_DEPTH} deep when its aliases are written out")
    if total.values > MAX_VALUES:
        raise _refusal(line, f"holds more than {MAX_VALUES} values when its aliases are written out")
    if total.characters > MAX_CHARACTERS:
        raise _refusal(line, f"holds more than {MAX_CHARACTERS} characters when its aliases are written out")
    return total
