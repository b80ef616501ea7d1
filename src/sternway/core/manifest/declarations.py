"""The `environment` lists: which variables reach a service."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from sternway.core import names
from sternway.core.environment import Declaration, parse_declaration
from sternway.core.manifest.scalars import refuse

_DEMAND = "must be NAME, NAME=default or *"


def read_declaration(text: str) -> Declaration:
    """Read `NAME`, `NAME=default` or `*`."""
    declaration = parse_declaration(text)
    is_everything = declaration.name == "*" and declaration.default is None
    if not (is_everything or names.is_environment_key(declaration.name)):
        refuse(_DEMAND)
    return declaration


@dataclass(frozen=True, slots=True)
class _List:
    """A list of declarations; lists within it, as anchors make them, become part of it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Flat only afterwards, so that an error names the item as it stands in the file.
        entry = core_schema.no_info_plain_validator_function(_entry)
        entries = core_schema.tuple_schema([entry], variadic_item_index=0)
        return core_schema.no_info_after_validator_function(_flat, entries)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        text = {"type": "string"}
        return {"type": "array", "items": {"anyOf": [text, {"type": "array", "items": text}]}}


def _entry(value: object) -> tuple[Declaration, ...]:
    if isinstance(value, list):
        return _flat(_entry(item) for item in value)
    return (read_declaration(value),) if isinstance(value, str) else refuse(_DEMAND)


def _flat(groups: Iterable[tuple[Declaration, ...]]) -> tuple[Declaration, ...]:
    return tuple(declaration for group in groups for declaration in group)


Declarations = Annotated[tuple[Declaration, ...], _List()]
