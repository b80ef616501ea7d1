"""Files of a process, as it sees them: copied and removed by programs that run in a session of it.

So it is the app's own user who does it, behind the app's own mounts. Whatever links an app lays, they lead nowhere
that it could not go itself.
"""

import asyncio
import posixpath
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager

from sternway.core.errors import InvalidInput, NotFound, Refused, Unsupported
from sternway.ports import Execution, Session

Execute = Callable[[Execution], AbstractAsyncContextManager[Session]]

SAID_BYTES = 4096
TOOK_CHANGING_FILES = 1
NO_PROGRAM = 127
NOT_THERE = 44
# The app's environment is in force, but must not say which tar this is, or what it does.
_OWN = "PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; unset TAR_OPTIONS POSIXLY_CORRECT; "
_READ = f'{_OWN}[ -e "$1" ] || [ -L "$1" ] || exit {NOT_THERE}; exec tar -c -f - -C "$2" -- "$3" 2>/dev/null'
_WRITE = f'{_OWN}[ -d "$1" ] || exit {NOT_THERE}; exec tar -x -o --no-overwrite-dir -f - -C "$1"'
_DELETE = f'{_OWN}exec rm -rf -- "$@"'


async def read(execute: Execute, path: str) -> AsyncIterator[bytes]:
    """Yield a tar of a file or directory, named in there as it is itself; raises NotFound and Refused."""
    _check(path)
    async with execute(_script(_READ, path, *_split(path))) as session:
        await session.end_input()
        async for chunk in session.output():
            yield chunk
        code = await session.exit_code()
    _raise_for(code, path)
    if code > TOOK_CHANGING_FILES:
        raise Refused(f"not all of {path} can be read by the process's user", hint="copy less of it")


async def write(execute: Execute, path: str, tar: AsyncIterator[bytes]) -> None:
    """Unpack a tar into a directory; raises NotFound, and InvalidInput for what cannot be unpacked there."""
    _check(path)
    async with execute(_script(_WRITE, path)) as session:
        # What tar says is read meanwhile, or it would wait for us while we wait for it.
        said = asyncio.create_task(_said(session))
        try:
            async for chunk in tar:
                await session.write(chunk)
            await session.end_input()
            reason = await said
        finally:
            said.cancel()
        code = await session.exit_code()
    _raise_for(code, path)
    if code != 0:
        raise InvalidInput(f"the files cannot be unpacked into {path}: {reason}", hint="choose a directory of the app")


async def delete(execute: Execute, paths: Collection[str]) -> None:
    """Remove files and directories; raises Refused for what the process's user may not remove."""
    for path in paths:
        _check(path)
    if not paths:
        return
    async with execute(_script(_DELETE, *paths)) as session:
        await session.end_input()
        reason = await _said(session)
        code = await session.exit_code()
    if code != 0:
        raise Refused(f"not everything could be removed: {reason}", hint="the process's user has to be allowed to")


def _script(script: str, *words: str) -> Execution:
    return Execution(("/bin/sh", "-c", script, "sh", *words))


def _check(path: str) -> None:
    if not path or "\0" in path:
        raise InvalidInput("a path is missing, or has a NUL in it", hint="give one, such as /tmp")


def _split(path: str) -> tuple[str, str]:
    """Return the directory in which a path is a name, and that name."""
    directory, name = posixpath.split(posixpath.normpath(path))
    return (path, ".") if name in ("", ".", "..") else (directory or ".", name)


async def _said(session: Session) -> str:
    """Return the first line of what a program printed."""
    kept = b""
    async for chunk in session.output():
        kept = (kept + chunk)[:SAID_BYTES]
    return (kept.decode(errors="replace").strip().splitlines() or ["no reason given"])[0]


def _raise_for(code: int, path: str) -> None:
    if code == NOT_THERE:
        raise NotFound(f"{path} is not there in the process", hint="give the path as the process sees it")
    if code == NO_PROGRAM:
        raise Unsupported("this machine has no tar", hint="install it: apt install tar")
