"""Files of containers, as the engine's archives: both ways in streams, with nothing kept here."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from http import HTTPStatus

import aiodocker
import aiohttp

from sternway.core.errors import InvalidInput, NotFound, Refused, SternwayError
from sternway.engines.docker.calls.connection import Connection, translated, words

_NOT_TO_BE_UNPACKED = ("cannot overwrite", "unexpected EOF", "archive/tar:", "not a directory")
"""Words of the engine for what is wrong with an archive and not with itself."""

STALLED_S = 120.0
"""How long an engine may take for the next piece of an archive."""


async def read(connection: Connection, container_id: str, path: str) -> AsyncGenerator[bytes]:
    """Yield a tar of a file or directory; names in it begin with the last part of the path. Raises NotFound."""
    with _declined(path):
        asking = connection.docker._query(f"containers/{container_id}/archive", params={"path": path})
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(STALLED_S):
                response = await stack.enter_async_context(asking)
            stack.callback(response.close)
            while chunk := await _next(response.content):
                yield chunk


async def write(connection: Connection, container_id: str, path: str, tar: AsyncIterator[bytes]) -> None:
    """Unpack a tar into a directory, with the owners that it names."""
    params = {"path": path, "noOverwriteDirNonDir": "true"}
    with _declined(path):
        async with connection.docker._query(
            f"containers/{container_id}/archive",
            "PUT",
            params=params,
            data=tar,
            headers={"Content-Type": "application/x-tar"},
        ):
            return


async def _next(content: aiohttp.StreamReader) -> bytes:
    async with asyncio.timeout(STALLED_S):
        return await content.readany()


@contextlib.contextmanager
def _declined(path: str) -> Iterator[None]:
    with translated("copying files"):
        try:
            yield
        except aiodocker.DockerError as problem:
            if found := _meaning(problem, path):
                raise found from problem
            raise


def _meaning(problem: aiodocker.DockerError, path: str) -> SternwayError | None:
    if any(text in problem.message for text in _NOT_TO_BE_UNPACKED):
        hint = "end the destination with a slash if it is a directory"
        return InvalidInput(f"the files cannot be copied: {words(problem)}", hint=hint)
    match problem.status:
        case HTTPStatus.NOT_FOUND:
            return NotFound(f"no such file in the process: {path}", hint="give an absolute path")
        case HTTPStatus.FORBIDDEN:
            return Refused(f"the files cannot be copied: {words(problem)}", hint="copy to a volume, or to /tmp")
        case _:
            return None
