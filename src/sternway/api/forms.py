"""Forms, read by hand: an empty value is a value, and what was not sent stays absent.

The framework turns an empty field into its default. A client that goes back to a release with an empty
environment sends `env=`, and that has to arrive as an empty environment.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema

from sternway.api.errors import invalid
from sternway.core.errors import InvalidInput, TooLarge

MAX_BYTES = 4 * 1024 * 1024
MAX_FIELDS = 200
KIND = "application/x-www-form-urlencoded"

_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")

F = TypeVar("F", bound="Form")


def _dashed(name: str) -> str:
    return name.replace("_", "-")


class Form(BaseModel):
    """The fields that a route knows; underscores stand for dashes, other fields are ignored.

    Every call that changes something takes a reason, which stays in history.
    """

    model_config = ConfigDict(frozen=True, alias_generator=_dashed, extra="ignore")

    reason: str = ""


def _truth(value: str) -> bool:
    return value == "true"


def _number(value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise ValueError("not a whole number")
    return int(value)


def _pairs(value: str) -> dict[str, str]:
    return dict(_parse(value))


def _words(value: str) -> tuple[str, ...]:
    return tuple(value.split(",")) if value else ()


Truth = Annotated[bool, BeforeValidator(_truth)]
"""Only `true` is true."""

Number = Annotated[int, BeforeValidator(_number)]

Pairs = Annotated[dict[str, str], BeforeValidator(_pairs), WithJsonSchema({"type": "string"})]
"""A map within one value, urlencoded once more."""

Words = Annotated[tuple[str, ...], BeforeValidator(_words), WithJsonSchema({"type": "string"})]
"""A list within one value, joined by commas."""


async def read_fields(request: Request) -> Mapping[str, str]:
    """Read the body; the first value of a field counts. Clients that send no form announce other content."""
    body = await _bounded_body(request)
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != KIND:
        raise InvalidInput(f"body: not a form ({KIND})", hint="send the fields as a form")
    try:
        found = _parse(body.decode())
    except ValueError as exc:
        raise InvalidInput("body: not a form in UTF-8, or too many fields", hint="encode it as UTF-8") from exc
    return dict(reversed(found))


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge(f"body: larger than {MAX_BYTES} bytes", hint="large content goes to objects")
    return bytes(body)


def _parse(text: str) -> list[tuple[str, str]]:
    found = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    if any("\0" in name + value for name, value in found):
        raise ValueError("a NUL byte is in it")
    return found


Fields = Annotated[Mapping[str, str], Depends(read_fields)]
"""The form of this request, read once however many ask for it."""


def form(kind: type[F]) -> Any:
    """Return the dependency that reads a form of this kind."""

    async def read(fields: Fields) -> F:
        return parse(kind, fields)

    return Depends(read)


def parse(kind: type[F], fields: Mapping[str, str]) -> F:
    """Build the form from its fields; raises InvalidInput that names the first that is wrong."""
    try:
        return kind.model_validate(fields)
    except ValidationError as exc:
        raise invalid(exc.errors(include_input=False, include_url=False)) from exc


def describe(kind: type[Form]) -> dict[str, Any]:
    """Return what the API's description says of the form."""
    schema = kind.model_json_schema()
    body = {"content": {KIND: {"schema": schema}}, "required": bool(schema.get("required"))}
    return {"requestBody": body}
