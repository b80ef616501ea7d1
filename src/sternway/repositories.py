"""Git repositories of others, fetched by Git itself: one commit, without history, into a directory that is thrown away.

What comes from outside is never trusted. Nothing is checked out, so no filter, hook or submodule of a repository has a
say; git runs as nobody where the rack is root, in a session of its own, with bounds on time and size; it asks nobody
for passwords, follows no redirects, and connects to the very addresses that were looked at before. A password is
handed over in its environment, which only its own user can read, and is in no argument, file or message.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from sternway.core.errors import BuildFailed, Unsupported
from sternway.core.repository import Address, Commit, check_reach
from sternway.ports import Fetched

TIMEOUT_S = 180.0
RESOLVE_S = 10.0
MAX_BYTES = 1024**3
NOBODY = 65534
BLOCK_BYTES = 512
"""What the shell counts sizes of files in."""
CHUNK_BYTES = 256 * 1024
SAID_BYTES = 8192
SAID_SHOWN = 300
ROOM = Path("/var/tmp")
"""Where a repository lies while it is fetched: on a disk, and open to nobody, as the rack's own directory is not."""

_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
_BOUNDED = 'ulimit -f "$0" && exec "$@"'
_SHA = re.compile(r"[0-9a-f]{40,64}")

Reach = Callable[[Address, IPv4Address | IPv6Address], None]


class GitRepositories:
    """Fills `ports.Repositories`. `check` raises for addresses that are not to be connected to."""

    def __init__(self, *, check: Reach = check_reach, timeout_s: float = TIMEOUT_S, max_bytes: int = MAX_BYTES) -> None:
        self._check = check
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    @asynccontextmanager
    async def fetch(self, address: Address, ref: str) -> AsyncIterator[Fetched]:
        """Fetch a commit. What its files come to is bounded by whoever keeps them."""
        program = shutil.which("git")
        if program is None:
            raise Unsupported("git is not installed on the machine of the rack", hint="apt-get install git")
        with _room() as directory:
            try:
                async with asyncio.timeout(self._timeout_s):
                    git = _Git(program, directory, _environment(directory, await self._settings(address)), self._blocks)
                    commit = await _fetched(git, address, ref)
            except TimeoutError as exc:
                raise _failed(f"it took longer than {self._timeout_s:.0f} s") from exc
            async with git.printing("archive", "--format=tar", commit.sha) as tar:
                yield Fetched(commit, tar)

    @property
    def _blocks(self) -> int:
        return max(1, self._max_bytes // BLOCK_BYTES)

    async def _settings(self, address: Address) -> Mapping[str, str]:
        """Return how Git is to go about it."""
        found = await self._resolve(address)
        where = ",".join(f"[{each}]" if each.version == 6 else str(each) for each in found)
        return {
            "credential.helper": "",
            "http.curloptResolve": f"{address.host}:{address.port}:{where}",
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "500",
            "http.lowSpeedTime": "30",
            "http.proxy": "",
            "fetch.unpackLimit": "1",
            "gc.auto": "0",
            "core.hooksPath": "/dev/null",
        } | ({"http.extraHeader": f"Authorization: {address.authorization}"} if address.authorization else {})

    async def _resolve(self, address: Address) -> Sequence[IPv4Address | IPv6Address]:
        """Return the addresses of the server, all of which may be connected to."""
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await asyncio.get_running_loop().getaddrinfo(
                    address.host, address.port, type=socket.SOCK_STREAM
                )
        except (OSError, UnicodeError, TimeoutError) as exc:
            raise _failed(f"there is no server {address.host}") from exc
        known = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        for each in known:
            self._check(address, each)
        return list(dict.fromkeys(known))


async def _fetched(git: "_Git", address: Address, ref: str) -> Commit:
    await git.run("init", "--quiet", "--bare", ".")
    await git.run("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", address.url, ref)
    said = await git.run("log", "-1", "--no-show-signature", "--format=%H %s", "FETCH_HEAD")
    sha, _, subject = said.strip().partition(" ")
    if not _SHA.fullmatch(sha):
        raise _failed("it has no such commit")
    return Commit(sha, _printable(subject))


@dataclass(frozen=True, slots=True)
class _Git:
    """The program, in one directory."""

    program: str
    directory: Path
    environment: Mapping[str, str]
    blocks: int

    async def run(self, *arguments: str) -> str:
        """Run it to its end and return what it said; raises BuildFailed with that."""
        async with self._started(*arguments, stderr=asyncio.subprocess.STDOUT) as process:
            said = await _end_of(process.stdout)
            if await process.wait():
                raise _failed(_reason(said))
            return said.decode("utf-8", "replace")

    @asynccontextmanager
    async def printing(self, *arguments: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Run it while what it prints is read; raises BuildFailed at the end if it did not end well."""
        async with self._started(*arguments, stderr=asyncio.subprocess.DEVNULL) as process:
            yield _chunks(process)

    @asynccontextmanager
    async def _started(self, *arguments: str, stderr: int) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _BOUNDED, str(self.blocks), self.program, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            cwd=self.directory,
            env=self.environment,
            start_new_session=True,
            **_user(),
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


def _environment(directory: Path, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return all that Git knows of: nothing of the machine's or the user's own settings."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    numbered = list(enumerate(settings.items()))
    keys = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in numbered}
    values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered}
    return {
        "PATH": os.defpath,
        **passed,
        "HOME": str(directory),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(numbered)),
        **keys,
        **values,
    }


def _user() -> Mapping[str, Any]:
    """Return as whom it runs: nobody, where the rack may choose."""
    if os.geteuid():
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@contextlib.contextmanager
def _room() -> Any:
    with tempfile.TemporaryDirectory(prefix="sternway-git-", dir=ROOM if ROOM.is_dir() else None) as name:
        if not os.geteuid():
            os.chown(name, NOBODY, NOBODY)
        yield Path(name)


async def _chunks(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    assert process.stdout
    while chunk := await process.stdout.read(CHUNK_BYTES):
        yield chunk
    if await process.wait():
        raise _failed("its files cannot be read")


async def _end_of(stream: asyncio.StreamReader | None) -> bytes:
    """Return the end of what is said, however much that is."""
    assert stream
    kept = b""
    while chunk := await stream.read(CHUNK_BYTES):
        kept = (kept + chunk)[-SAID_BYTES:]
    return kept


def _reason(said: bytes) -> str:
    """Return what Git gives as the reason."""
    lines = [_printable(line) for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    return next(iter([*fatal, *lines[-1:]]), "git ended without a word, or it is too large")[:SAID_SHOWN]


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()


def _failed(reason: str) -> BuildFailed:
    return BuildFailed(
        f"the repository cannot be fetched: {reason}", hint="check its address, the ref, and who may read it"
    )
