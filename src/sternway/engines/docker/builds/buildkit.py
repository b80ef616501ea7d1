"""What BuildKit tells of a build: messages of its own wire format inside the engine's, made into lines.

A trace is a `StatusResponse` of BuildKit's control API: steps (vertexes) as they begin and end, and what they
print. Only the few fields that a log shows are read; unknown ones are skipped, as the format wants it.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

TRACE = "moby.buildkit.trace"
IMAGE = "moby.image.id"

_VERTEXES, _LOGS = 1, 3
_DIGEST, _NAME, _CACHED, _STARTED, _ERROR = 1, 3, 4, 5, 7
_LOG_TEXT = 4
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIDTH = {_FIXED64: 8, _FIXED32: 4}

Fields = Mapping[int, tuple[bytes, ...]]
"""The fields of a message by number, each as often as it came; numbers as their bytes, little end first."""


class Malformed(ValueError):
    """It is not what the wire format says."""


@dataclass(frozen=True, slots=True)
class Step:
    """How a step stands: its name, and whether it has begun, was known from before, or failed."""

    id: str
    name: str
    is_begun: bool
    is_cached: bool
    error: str


class Tracer:
    """One per build: says each step once as it begins, and what it prints as it comes."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._said: dict[str, str] = {}

    def hear(self, aux: object) -> None:
        """Take the trace out of a message; what cannot be read is left out, since it is not what counts."""
        if not isinstance(aux, str):
            return
        try:
            status = fields(base64.b64decode(aux, validate=True))
            steps = [_step(each) for each in status.get(_VERTEXES, ())]
            prints = [fields(each).get(_LOG_TEXT, (b"",))[-1] for each in status.get(_LOGS, ())]
        except ValueError:  # neither base64 nor the format
            return
        for step in steps:
            self._say(step)
        for text in prints:
            self._write(text)

    def _say(self, step: Step) -> None:
        """Say what is new of a step: that it began, that it need not be done, that it failed."""
        word = "ERROR" if step.error else "CACHED" if step.is_cached else "" if step.is_begun else None
        if word is not None and self._said.get(step.id) != word and step.name:
            self._said[step.id] = word
            self._write(f"{f'{word}: ' if word else ''}{step.name}\n".encode())


def _step(message: bytes) -> Step:
    found = fields(message)
    return Step(
        id=_text(found, _DIGEST),
        name=_text(found, _NAME),
        is_begun=_STARTED in found,
        is_cached=any(found.get(_CACHED, (b"",))[-1]),
        error=_text(found, _ERROR),
    )


def _text(found: Fields, number: int) -> str:
    return found.get(number, (b"",))[-1].decode(errors="replace")


def fields(message: bytes) -> Fields:
    """Return the fields of a message. Raises Malformed."""
    found: dict[int, tuple[bytes, ...]] = {}
    for number, content in _fields(message):
        found[number] = (*found.get(number, ()), content)
    return found


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        begin = at
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value.to_bytes(10, "little")
            continue
        if kind == _LENGTH:
            length, begin = _varint(message, at)
        elif kind in _WIDTH:
            length = _WIDTH[kind]
        else:
            raise Malformed(f"wire type {kind}")
        at = begin + length
        if at > len(message):
            raise Malformed("a field is longer than its message")
        yield tag >> 3, message[begin:at]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise Malformed("a number does not end")
