"""Runs a package manager: a clean environment, a bound on its time, its output line by line, no orphans."""

import asyncio
import contextlib
import errno
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sternway.core.errors import BuildFailed
from sternway.engines import space
from sternway.engines.process.dependencies.recipe import Command
from sternway.engines.process.environment import PATH

TETHER = Path(__file__).with_name("tether.py")
LIMIT_S = 900.0
END_S = 10.0
TAIL_LINES = 30
READ_BYTES = 64 * 1024
LINE_MAX_BYTES = 16 * 1024

PASSED = frozenset(
    {"HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"}
)
PASSED_PREFIXES = ("PIP_", "UV_", "NPM_CONFIG_")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Runner:
    """What every run of a package manager gets.

    `limit_s` bounds each run; `path` is where apps find programs; `tools` is where the rack finds its own.
    """

    limit_s: float = LIMIT_S
    path: str = PATH
    tools: str = field(default_factory=lambda: f"{os.environ.get('PATH', '')}:{Path(sys.executable).parent}")

    def find(self, program: str) -> str | None:
        """Return where a program is that apps find as well."""
        return shutil.which(program, path=self.path)

    def find_tool(self, program: str) -> str | None:
        """Return where a program is that only builds need."""
        return shutil.which(program, path=self.tools)

    async def run(self, command: Command, say: Say) -> None:
        """Run it to its end, and tell each line; raises BuildFailed with what it said last.

        Cancelled, or after too long, it ends the command with everything that it started.
        """
        tail: deque[str] = deque(maxlen=TAIL_LINES)

        def hear(line: str) -> None:
            tail.append(line)
            say(line)

        process = await self._start(command)
        try:
            async with asyncio.timeout(self.limit_s):
                await _listen(process, hear)
                code = await process.wait()
        except TimeoutError as exc:
            raise BuildFailed(
                f"{command.title} took more than {self.limit_s:.0f} s", hint="is its registry reachable from here?"
            ) from exc
        finally:
            await asyncio.shield(_end(process))
        if code != 0:
            raise _failed(command, code, tail)

    async def ask(self, *words: str) -> bytes:
        """Return what a short command prints; raises BuildFailed if it fails."""
        lines: list[str] = []
        await self.run(Command(Path(words[0]).name, words, Path("/")), lines.append)
        return "\n".join(lines).encode()

    async def _start(self, command: Command) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(TETHER), *command.words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=command.directory,
            env={**_passed(os.environ), "PATH": self.path, "LANG": "C.UTF-8", "NO_COLOR": "1", **command.variables},
        )


def _passed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what package managers may know of the rack's environment: how to reach their registries."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in PASSED or name.upper().startswith(PASSED_PREFIXES)
    }


async def _listen(process: asyncio.subprocess.Process, hear: Say) -> None:
    assert process.stdout is not None
    rest = b""
    while chunk := await process.stdout.read(READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            hear(_text(line))
        if len(rest) > LINE_MAX_BYTES:
            hear(_text(rest))
            rest = b""
    if rest:
        hear(_text(rest))


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let go: the tether ends the rest. One that does not is killed."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _failed(command: Command, code: int, tail: deque[str]) -> BuildFailed:
    said = [line.strip() for line in tail if line.strip()]
    if any(space.is_named(line) for line in said):
        return space.full(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    # pip ends with what it comes down to, npm begins with it.
    npm = [line for line in said if line.lower().startswith(("npm error", "npm err!"))]
    errors = [line for line in said if line.lower().startswith("error")]
    reason = npm[0] if npm else (errors or said or [""])[-1]
    return BuildFailed(
        f"{command.title} exited with code {code}" + (f": {reason[:300]}" if reason else ""),
        hint="its output is in the log of the build",
    )
