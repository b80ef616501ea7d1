"""A command inside a container: its input and output over a connection that the engine hands over, and its end.

The engine cannot end a command, and does not when its connection is closed. So each command carries a mark in its
environment, by which a second one finds it and whatever it started, and kills them.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiodocker
import aiohttp
from aiodocker.execs import Exec
from aiodocker.stream import Stream

from sternway.core.errors import EngineUnavailable, NotFound, Refused
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.calls.connection import QUICK_S, Connection, translated
from sternway.ports import Execution, TerminalSize

MARK = "STERNWAY_SESSION"
KILL = 'for p in /proc/[0-9]*; do if grep -qs "$0" "$p/environ"; then kill -9 "${p#/proc/}"; fi; done'
"""For /bin/sh: kill whatever has the mark in its environment. It needs no rights beyond those of the command."""
KILL_S = 3.0
LOOK_S = 0.01
LOOK_MAX_S = 1.0
_NOT_RUNNING = "container state improper"
END_OF_TRANSMISSION = b"\x04"

_log = logging.getLogger(__name__)


class DockerSession:
    """Fills `ports.Session`."""

    def __init__(self, api: Api, container_id: str, exec_id: str, stream: Stream, *, has_terminal: bool) -> None:
        self._api = api
        self._container_id = container_id
        self._exec_id = exec_id
        self._stream = stream
        self._has_terminal = has_terminal
        self._is_input_over = False

    async def write(self, content: bytes) -> None:
        """Send bytes to the command; nothing once it has ended."""
        if self._is_input_over:
            return
        try:
            await self._stream.write_in(content)
        except (aiohttp.ClientError, OSError, RuntimeError, AssertionError):
            # It ended, and the connection with it: the output says so too.
            self._is_input_over = True

    async def end_input(self) -> None:
        """Let the command read the end of its input."""
        if self._is_input_over:
            return
        if self._has_terminal:
            await self.write(END_OF_TRANSMISSION)
        elif (transport := _transport(self._stream)) and transport.can_write_eof():
            # The library closes both directions or none.
            with contextlib.suppress(OSError, RuntimeError):
                transport.write_eof()
        self._is_input_over = True

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what it prints, on either output."""
        with translated("reading what a command prints"):
            while (message := await self._stream.read_out()) is not None:
                yield message.data

    async def exit_code(self) -> int:
        """Wait until the engine knows how it ended, which is a little after its output."""
        pause_s = LOOK_S
        while (state := await self._state())["Running"]:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LOOK_MAX_S)
        return int(state["ExitCode"] or 0)

    async def resize(self, size: TerminalSize) -> None:
        """Set the size of its terminal; one that has ended by now needs none."""
        with contextlib.suppress(Declined):
            await self._api.post(f"exec/{self._exec_id}/resize", h=str(size.height), w=str(size.width))

    async def close(self, mark: str) -> None:
        """Close the connection, and kill what still runs."""
        transport = _transport(self._stream)
        with contextlib.suppress(aiohttp.ClientError, OSError, AssertionError):
            await self._stream.close()
        if transport:
            # Closing waits for what was written to be taken, which a command that is stuck never does.
            transport.abort()
        try:
            state = await self._state()
            if state["Running"]:
                await self._kill(mark, int(state.get("Pid") or 0))
        except (Declined, EngineUnavailable):
            _log.warning("A command may go on in its container.", extra={"container": self._container_id[:12]})

    async def _kill(self, mark: str, pid: int) -> None:
        body = {"Cmd": ["/bin/sh", "-c", KILL, mark]}
        made = await self._api.post(f"containers/{self._container_id}/exec", body)
        with contextlib.suppress(Declined):
            await self._api.post(f"exec/{made['Id']}/start", {"Detach": True})
            if await self._has_ended():
                return
        # An image without a shell. The engine gives the number that the command has on its machine.
        _kill_here(pid, self._container_id)
        if not await self._has_ended():
            _log.warning("A command goes on in its container.", extra={"container": self._container_id[:12]})

    async def _has_ended(self) -> bool:
        try:
            async with asyncio.timeout(KILL_S):
                await self.exit_code()
        except TimeoutError:
            return False
        return True

    async def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = await self._api.get(f"exec/{self._exec_id}/json")
        except Declined as problem:
            raise EngineUnavailable("the process is gone, and how the command ended with it") from problem
        return state


@contextlib.asynccontextmanager
async def running(
    connection: Connection, api: Api, container_id: str, execution: Execution
) -> AsyncIterator[DockerSession]:
    """Run a command until the block ends. Raises NotFound and Refused for a container in which nothing can run."""
    mark = secrets.token_hex(16)
    exec_id = await _make(api, container_id, execution, mark)
    stream = Exec(connection.docker, exec_id, tty=execution.has_terminal).start(detach=False)
    session = DockerSession(api, container_id, exec_id, stream, has_terminal=execution.has_terminal)
    try:
        await _start(stream)
        if execution.has_terminal and execution.size:
            await session.resize(execution.size)
        yield session
    finally:
        await session.close(mark)


async def _make(api: Api, container_id: str, execution: Execution, mark: str) -> str:
    content = {
        "Cmd": list(execution.words),
        "Env": [f"{MARK}={mark}", *(["TERM=xterm"] if execution.has_terminal else [])],
        "Tty": execution.has_terminal,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
    }
    try:
        made = await api.post(f"containers/{container_id}/exec", content)
    except Declined as problem:
        raise declined(problem) from problem
    return str(made["Id"])


async def _start(stream: Stream) -> None:
    with translated("starting a command"):
        try:
            async with asyncio.timeout(QUICK_S):
                await stream.__aenter__()
        except aiodocker.DockerError as problem:
            if problem.status == HTTPStatus.CONFLICT:
                raise Refused("the process does not run", hint="list them: sternway ps") from problem
            raise


def declined(problem: Declined) -> NotFound | Refused | EngineUnavailable:
    """Return what a refusal to do something in a container means."""
    if problem.status == HTTPStatus.NOT_FOUND:
        return NotFound("the process is gone", hint="list them: sternway ps")
    if problem.status == HTTPStatus.CONFLICT and "paused" in problem.reason:
        return Refused("the process is frozen", hint="it runs again when its release does: sternway releases rollback")
    if problem.status == HTTPStatus.CONFLICT or _NOT_RUNNING in problem.reason:
        return Refused("the process does not run", hint="list them: sternway ps")
    return EngineUnavailable(f"the Docker engine declined: {problem.reason}", hint="see the log of the engine")


def _transport(stream: Stream) -> asyncio.WriteTransport | None:
    connection = stream._resp.connection if stream._resp is not None else None
    return connection.transport if connection is not None else None


def _kill_here(pid: int, container_id: str) -> None:
    """Kill a process of this machine, if it is one and belongs to the container."""
    with contextlib.suppress(OSError):
        if pid > 0 and container_id in Path(f"/proc/{pid}/cgroup").read_text():
            os.kill(pid, signal.SIGKILL)
