"""What all parts of a manifest have in common: frozen, forgiving about unknown keys, with short forms."""

import difflib
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from sternway.core.manifest.problems import MAX_KEY_SHOWN, MAX_SHOWN, Problem
from sternway.core.manifest.scalars import refuse
from sternway.core.manifest.tree import Table, Tree

PRIVATE_PREFIX = "x-"
"""Keys of the top level that begin so are the author's own, for anchors to stand at."""
_FOREIGN_SCHEMA: JsonSchemaValue = {"description": "Not for this platform: accepted and ignored.", "deprecated": True}


@dataclass(slots=True)
class Notes:
    """Collects the warnings of one reading."""

    tree: Tree
    warnings: list[Problem] = field(default_factory=list)

    def unknown(self, table: Table, key: str, known: list[str]) -> None:
        """Warn of a key that means nothing here."""
        advice = self._nearest((*table.path, key), key, known)
        self.warn((*table.path, key), f"unknown key, ignored{advice}")

    def warn(self, path: tuple[str | int, ...], message: str) -> None:
        """Warn of what stands at `path`."""
        self.warnings.append(self.tree.problem(path, message))

    def _nearest(self, path: tuple[str | int, ...], key: str, known: list[str]) -> str:
        # The nearest key would tell about the value of a variable; and the search is too slow for a file of junk.
        if path in self.tree.keys or len(key) > MAX_KEY_SHOWN or len(self.warnings) > MAX_SHOWN:
            return ""
        near = difflib.get_close_matches(key, known, n=1)
        return f"; did you mean {near[0]}?" if near else ""


class Model(BaseModel):
    """One map of the file. Keys are in camel case there, attributes in snake case here."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    foreign: ClassVar[frozenset[str]] = frozenset()
    """Keys that mean something on other platforms only."""

    given: ClassVar[frozenset[str]] = frozenset()
    """Fields that are filled in after reading and have no key."""

    short_schema: ClassVar[JsonSchemaValue | None] = None
    """The JSON Schema of the short form, if there is one."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Return the map that the short form stands for."""
        refuse("must be a map")

    @classmethod
    def attributes(cls) -> dict[str, str]:
        """Return the keys of the file, each with its attribute."""
        return {(f.alias or name): name for name, f in cls.model_fields.items() if name not in cls.given}

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return {}
        if isinstance(value, Table):
            return cls._sifted(value, info.context)
        if isinstance(value, str):
            return cls.from_short(value)
        if isinstance(value, dict | cls):
            return value
        refuse("must be a map" if cls.short_schema is None else "must be a single value or a map")

    @classmethod
    def _sifted(cls, table: Table, notes: Notes | None) -> dict[str, Any]:
        attributes = cls.attributes()
        if notes is not None:
            for key in (key for key in table if key not in attributes):
                cls._note(table, key, notes)
        return {key: value for key, value in table.items() if key in attributes and value is not None}

    @classmethod
    def _note(cls, table: Table, key: str, notes: Notes) -> None:
        if not table.path and key.startswith(PRIVATE_PREFIX):
            return
        if key in cls.foreign:
            notes.warn((*table.path, key), "is not for this platform, ignored")
        else:
            notes.unknown(table, key, list(cls.attributes()))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        reference = handler(schema)
        resolved = handler.resolve_ref_schema(reference)
        resolved["properties"].update({key: dict(_FOREIGN_SCHEMA) for key in sorted(cls.foreign)})
        resolved["additionalProperties"] = False
        if "required" not in resolved:
            resolved["type"] = ["object", "null"]
        if cls.short_schema is not None:
            whole = dict(resolved)
            resolved.clear()
            resolved.update({"title": whole["title"], "anyOf": [cls.short_schema, whole]})
        return reference
