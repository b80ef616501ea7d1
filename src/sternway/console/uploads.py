"""Forms with a file: read as they come, and the file handed on in chunks, never held as a whole.

Whether the form is one of this console is looked at before any of the file is taken, so its token has to come first.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core.errors import InvalidInput, TooLarge

MAX_FIELD_BYTES = 64 * 1024
MAX_PARTS = 20
FEED_BYTES = 64 * 1024

Keep = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]


@dataclass(slots=True)
class _Part:
    """One field: its headers, then its content, then that it is whole."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    content: bytes = b""
    is_whole: bool = False

    def options(self) -> Mapping[bytes, bytes]:
        """Return what is said of it."""
        return parse_options_header(self.headers.get(b"content-disposition", b""))[1]


async def receive(seen: Visit, keep: Keep) -> Mapping[str, str]:
    """Return the fields, and give the one file, if there is one, to `keep` with its name.

    Raises Refused for a form that no page of this console sent, and InvalidInput for one that cannot be read.
    """
    fields: dict[str, str] = {}
    files = 0
    async with aclosing(_parts(seen.request)) as parts:
        async for name, file_name, content in parts:
            if file_name is None:
                fields[name] = await _text(content)
                continue
            visit.check_form(seen.request, fields, seen.form_token)
            files += 1
            if files > 1:
                raise InvalidInput(texts.ONE_FILE, hint="")
            await keep(file_name, content)
    visit.check_form(seen.request, fields, seen.form_token)
    return fields


async def _parts(request: Request) -> AsyncGenerator[tuple[str, str | None, AsyncIterator[bytes]], None]:
    """Yield name, name of the file, and content of each field; what is left of a content is passed over."""
    events = _events(request)
    count = 0
    async with aclosing(events):
        async for event in events:
            count += 1
            if count > MAX_PARTS:
                raise _unreadable()
            said = event.options()
            file_name = said[b"filename"].decode("utf-8", "replace") if b"filename" in said else None
            content = _content(events, event)
            yield said.get(b"name", b"").decode("utf-8", "replace"), file_name, content
            async for _ in content:
                pass


async def _content(events: AsyncIterator[_Part], begun: _Part) -> AsyncGenerator[bytes, None]:
    """Yield what a field holds, to its end."""
    is_whole = begun.is_whole
    while not is_whole:
        event = await anext(events, None)
        if event is None:
            raise _unreadable()
        if event.content:
            yield event.content
        is_whole = event.is_whole


async def _text(content: AsyncIterator[bytes]) -> str:
    text = b""
    async for chunk in content:
        text += chunk
        if len(text) > MAX_FIELD_BYTES:
            raise TooLarge(f"form: a field is larger than {MAX_FIELD_BYTES} bytes", hint="write less")
    return text.decode("utf-8", "replace")


async def _events(request: Request) -> AsyncGenerator[_Part, None]:
    """Yield the headers of each field, then its content in chunks, then that it is whole."""
    found: deque[_Part] = deque()
    parser = _parser(request, found)
    try:
        async for chunk in request.stream():
            for begin in range(0, len(chunk), FEED_BYTES):
                parser.write(chunk[begin : begin + FEED_BYTES])
                while found:
                    yield found.popleft()
        parser.finalize()
    except FormParserError as exc:
        raise _unreadable() from exc
    except ClientDisconnect as exc:
        raise InvalidInput(texts.CUT_OFF, hint="") from exc


def _parser(request: Request, found: deque[_Part]) -> MultipartParser:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise _unreadable()
    headers: dict[bytes, bytes] = {}
    names = bytearray()
    values = bytearray()

    def end_header() -> None:
        headers[bytes(names).lower()] = bytes(values)
        names.clear()
        values.clear()

    def begin_content() -> None:
        found.append(_Part(dict(headers)))
        headers.clear()

    return MultipartParser(
        options[b"boundary"],
        {
            "on_header_field": lambda data, start, end: names.extend(data[start:end]),
            "on_header_value": lambda data, start, end: values.extend(data[start:end]),
            "on_header_end": end_header,
            "on_headers_finished": begin_content,
            "on_part_data": lambda data, start, end: found.append(_Part(content=data[start:end])),
            "on_part_end": lambda: found.append(_Part(is_whole=True)),
        },
    )


def _unreadable() -> InvalidInput:
    return InvalidInput(texts.UNREADABLE_FORM, hint="")
