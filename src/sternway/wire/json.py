"""Between the wire's dataclasses and JSON values.

Reading is lenient, as clients of other versions need: unknown members are ignored, missing ones take the
default, `null` means the default, names match whatever their case.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")

ZERO_TIME = "0001-01-01T00:00:00Z"


def to_json(value: Any) -> Any:
    """Return dicts, lists, strings and numbers for a dataclass, a list of them, or what they hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_member(f): to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], value: Any) -> T:
    """Build a `kind` from a decoded JSON object; raises ValueError if it is none or lacks a member."""
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a JSON object for {kind.__name__}")
    members = {str(key).lower(): item for key, item in value.items()}
    hints = get_type_hints(kind)
    found = {
        f.name: _read(hints[f.name], members[name])
        for f in fields(kind)  # type: ignore[arg-type]
        if members.get(name := _member(f).lower()) is not None
    }
    _require(kind, found)
    return kind(**found)


def format_time(at: datetime) -> str:
    """Write RFC 3339 in UTC with microseconds, which every client reads."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime | None:
    """Read RFC 3339, with any number of digits in the fraction; None for nothing and for the zero time."""
    if not text or text.startswith("0001-01-01T00:00:00"):
        return None
    head, dot, tail = text.partition(".")
    if not dot:
        return datetime.fromisoformat(text)
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return datetime.fromisoformat(f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}")


def _member(field: "Field[Any]") -> str:
    return field.name.replace("_", "-")


def _read(hint: Any, value: Any) -> Any:
    options = [arg for arg in get_args(hint) if arg is not type(None)]
    if hint is datetime or datetime in options:
        return parse_time(str(value))
    kind = options[0] if options else hint
    if isinstance(value, Mapping) and isinstance(kind, type) and is_dataclass(kind):
        return from_json(kind, value)
    if isinstance(value, list) and options and isinstance(options[0], type) and is_dataclass(options[0]):
        return [from_json(options[0], item) for item in value]
    return value


def _require(kind: Any, found: Mapping[str, Any]) -> None:
    for field in fields(kind):
        has_default = field.default is not MISSING or field.default_factory is not MISSING
        if not has_default and field.name not in found:
            raise ValueError(f"{kind.__name__} lacks {_member(field)}")
