"""Types of single values. YAML hands over text; these say what it must be and what it becomes.

Each is used as `Annotated[T, reader]`, and each tells its own JSON Schema, in which a `${NAME}` always passes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sternway.core.manifest.tree import Table, Unresolved

REFERENCE_SCHEMA: JsonSchemaValue = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
TEXT_SCHEMA: JsonSchemaValue = {"type": ["string", "number", "boolean"]}
LATER: dict[str, Any] = {"x-later": True}
"""Marks a field that releases keep today and that takes effect in a later version."""
CONTAINED: dict[str, Any] = {"x-containers": True}
"""Marks a field that takes effect where processes run in containers."""

MAX_PIECES = 1000
"""How many entries text with commas can have."""

_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def refuse(message: str) -> NoReturn:
    """Reject a value. The message never quotes it: it may be secret."""
    raise PydanticCustomError("sternway", "{message}", {"message": message})


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A value with a written form of its own. `read` gets its text and refuses what it does not know."""

    read: Callable[[str], object]
    schema: JsonSchemaValue = field(default_factory=lambda: {"type": "string"})

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by `read` alone."""
        return core_schema.no_info_plain_validator_function(self._accept)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell the schema of the written form."""
        return dict(self.schema)

    def _accept(self, value: object) -> object:
        return self.read(value) if isinstance(value, str) else refuse("must be text")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds, both included."""

    minimum: int
    maximum: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by `read` alone."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell the bounds."""
        bounds = {"minimum": self.minimum} | ({} if self.maximum is None else {"maximum": self.maximum})
        return {"anyOf": [{"type": "integer"} | bounds, REFERENCE_SCHEMA]}

    def read(self, value: object) -> int:
        """Return the number, or refuse."""
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or not self._allows(value):
            refuse(self._demand())
        return value

    def _allows(self, number: int) -> bool:
        return number >= self.minimum and (self.maximum is None or number <= self.maximum)

    def _demand(self) -> str:
        if self.maximum is None:
            return f"must be a whole number, {self.minimum} or more"
        return f"must be a number between {self.minimum} and {self.maximum}"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false, in YAML's spellings."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by `read` alone."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell that a reference passes as well."""
        return {"anyOf": [{"type": "boolean"}, REFERENCE_SCHEMA]}

    def read(self, value: object) -> bool:
        """Return the truth, or refuse."""
        word = str(value).lower() if isinstance(value, str | bool) else ""
        if word not in _TRUE | _FALSE:
            refuse("must be true or false")
        return word in _TRUE


def as_text(value: str) -> str:
    """Accept any text."""
    return value


def matching(pattern: str, message: str) -> Callable[[str], str]:
    """Return a reader of text that matches as a whole; what is not resolved yet passes."""
    compiled = re.compile(pattern)

    def read(value: str) -> str:
        return value if isinstance(value, Unresolved) or compiled.fullmatch(value) else refuse(message)

    return read


def one_of(*words: str) -> Form:
    """Return a form that takes one of these words in any case, and gives it as it is spelled here."""
    spelled = {word.lower(): word for word in words}

    def read(value: str) -> str:
        return spelled.get(value.lower()) or refuse(f"must be one of {', '.join(words)}")

    return Form(read, {"anyOf": [{"enum": list(words)}, REFERENCE_SCHEMA]})


def _split_commas(value: object) -> object:
    """Read `a, b` as a list. Only the pieces that hold a reference stay unresolved."""
    if isinstance(value, list):
        return ["" if item is None else item for item in value]
    if not isinstance(value, str):
        return value
    if value.count(",") > MAX_PIECES:
        refuse(f"must have at most {MAX_PIECES} entries")
    pieces = [piece.strip() for piece in value.split(",")]
    return [_like(value, piece) for piece in pieces if piece]


def _like(whole: str, piece: str) -> str:
    return Unresolved(piece) if isinstance(whole, Unresolved) and "${" in piece else piece


def _without_nothing(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item for item in value if item)


def opaque(value: object) -> object:
    """Return maps and lists as they stand, as plain ones."""
    if isinstance(value, dict):
        return {key: opaque(item) for key, item in value.items()}
    return [opaque(item) for item in value] if isinstance(value, list) else value


def _text_or_empty(value: object) -> object:
    return {key: "" if item is None else item for key, item in value.items()} if isinstance(value, dict) else value


def _table(value: object) -> object:
    return opaque(value) if isinstance(value, Table) else refuse("must be a map")


_TEXT = Form(as_text, TEXT_SCHEMA)
Commas = BeforeValidator(_split_commas, json_schema_input_type=str | list[str])

Text = Annotated[str, _TEXT]
Truth = Annotated[bool, Flag()]
TextMap = Annotated[dict[str, Text], BeforeValidator(_text_or_empty)]
Opaque = Annotated[dict[str, Any], BeforeValidator(_table)]
DropEmpty = AfterValidator(_without_nothing)
"""For a list of texts: one that is empty, as a variable may be, is left out once all were read."""
"""For a field that takes a list, or text with commas."""
