"""Commands inside processes: the supervisor of the process starts them, and hands over the ends of what they use.

What goes in and out passes from the command to the rack without anybody between. Waiting is done on an epoll of
each file, since a loop that watches a pipe by itself does not hear that nobody reads it any more.
"""

import asyncio
import contextlib
import errno
import os
import select
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from sternway import threads
from sternway.core.errors import EngineUnavailable, InvalidInput, NotFound, Refused, Unsupported
from sternway.engines.process import link, report
from sternway.ports import Execution
from sternway.supervisor import control, order, session
from sternway.supervisor.program import Phase

PROTOCOL = 2
HANDSHAKE_TIMEOUT_S = 15.0
WORDS_BYTES = 48 * 1024
CHUNK_BYTES = 64 * 1024
ENDED_WITH_ITS_PROCESS = 137
_END_OF_INPUT = b"\x04"
_IS_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)


@contextlib.asynccontextmanager
async def opened(directory: Path, execution: Execution) -> AsyncIterator["ProcessSession"]:
    """Run a command beside the process of this directory until the block ends.

    Raises NotFound when it is gone, Refused while it does not run, InvalidInput for words that are none or too
    many, and Unsupported if its supervisor is from a time before sessions.
    """
    _check(execution.words)
    there = ProcessSession(has_terminal=execution.has_terminal)
    try:
        await threads.uninterrupted(there.open, directory, execution)
        yield there
    finally:
        there.close()


def _check(words: tuple[str, ...]) -> None:
    if not words or any("\0" in word for word in words):
        raise InvalidInput("a command needs words without NUL", hint="for example: sternway exec PROCESS sh")
    if sum(len(word.encode(errors="surrogatepass")) + 1 for word in words) > WORDS_BYTES:
        raise InvalidInput(f"the command is longer than {WORDS_BYTES} bytes", hint="send what is long as its input")


class ProcessSession:
    """Fills `ports.Session`."""

    def __init__(self, *, has_terminal: bool) -> None:
        self._has_terminal = has_terminal
        self._connection: socket.socket | None = None
        self._input: _File | None = None
        self._output: _File | None = None
        self._said = b""
        self._last_written = b"\n"

    def open(self, directory: Path, execution: Execution) -> None:
        """Ask the supervisor for it; this blocks. What is open then is closed by `close`, also after an error."""
        try:
            self._connection = link.dial(directory)
            self._connection.settimeout(HANDSHAKE_TIMEOUT_S)
            _check_supervisor(self._connection)
            self._connection.sendall(order.encode(_request(execution)))
            self._take_files(self._connection)
        except (FileNotFoundError, ConnectionRefusedError) as exc:
            raise NotFound(f"process not found: {directory.name}", hint="it has just ended: sternway ps") from exc
        except OSError as exc:
            raise EngineUnavailable(
                f"the supervisor of {directory.name} does not answer: {exc}", hint="try again"
            ) from exc

    def _take_files(self, connection: socket.socket) -> None:
        said, files, _, _ = socket.recv_fds(connection, CHUNK_BYTES, 2)
        for file in files:
            os.set_inheritable(file, False)
            os.set_blocking(file, False)
        line, _, self._said = said.partition(b"\n")
        if len(files) == 2:
            self._input, self._output = _File(files[0], select.EPOLLOUT), _File(files[1], select.EPOLLIN)
        else:
            raise _refusal(line)
        connection.setblocking(False)

    async def write(self, content: bytes) -> None:
        """Write to what the command reads, waiting while it does not."""
        left = memoryview(content)
        self._last_written = content[-1:] or self._last_written
        while left and self._input:
            try:
                left = left[os.write(self._input.number, left) :]
            except BlockingIOError:
                await self._input.ready()
            except OSError as problem:
                if problem.errno not in _IS_GONE:
                    raise EngineUnavailable(f"the command cannot be written to: {problem}") from problem
                return

    async def end_input(self) -> None:
        """Close what the command reads; at a terminal, type what ends it."""
        if self._has_terminal and self._input:
            await self.write(_END_OF_INPUT if self._last_written == b"\n" else 2 * _END_OF_INPUT)
        ended, self._input = self._input, None
        if ended:
            ended.close()

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what the command prints, on both outputs, until the last of its processes is gone."""
        while self._output:
            try:
                chunk = os.read(self._output.number, CHUNK_BYTES)
            except BlockingIOError:
                await self._output.ready()
                continue
            except OSError as problem:
                if problem.errno not in _IS_GONE:
                    raise EngineUnavailable(f"the command cannot be read from: {problem}") from problem
                return
            if not chunk:
                return
            yield chunk

    async def exit_code(self) -> int:
        """Return how it ended; as killed if the process did, and it with it."""
        while b"\n" not in self._said and self._connection:
            try:
                chunk = await asyncio.get_running_loop().sock_recv(self._connection, CHUNK_BYTES)
            except OSError:
                break
            if not chunk:
                break
            self._said += chunk
        code = _decoded(self._said).get("code")
        return code if isinstance(code, int) else ENDED_WITH_ITS_PROCESS

    def close(self) -> None:
        """Leave it: what still runs of it is killed."""
        for each in (self._input, self._output, self._connection):
            if each:
                each.close()
        self._input = self._output = self._connection = None


def _check_supervisor(connection: socket.socket) -> None:
    """Ask how things stand first: an old supervisor answers this, and would not answer what it does not know."""
    connection.sendall(order.encode({"command": "status"}))
    received = b""
    while not received.endswith(b"\n"):
        chunk = connection.recv(CHUNK_BYTES)
        if not chunk:
            raise ConnectionResetError("the supervisor hung up")
        received += chunk
    said = report.parse(received)
    if said is None or said.protocol < PROTOCOL:
        raise Unsupported(
            "this process was started by an earlier version, which could not run commands in it",
            hint="start it again: sternway restart",
        )
    if said.phase == Phase.FROZEN:
        raise _frozen()
    if said.phase != Phase.RUNNING:
        raise _not_running()


def _request(execution: Execution) -> Mapping[str, object]:
    size = execution.size
    terminal = [size.height, size.width] if size else [0, 0]
    return {
        "command": control.EXECUTE,
        "words": list(execution.words),
        "terminal": terminal if execution.has_terminal else None,
    }


def _refusal(line: bytes) -> Exception:
    problem = _decoded(line).get("problem", "it ended")
    if problem == session.NOT_RUNNING:
        return _not_running()
    return EngineUnavailable(f"the command cannot be started: {problem}")


def _frozen() -> Refused:
    return Refused("the process is frozen", hint="it runs again when its release does: sternway releases rollback")


def _not_running() -> Refused:
    return Refused("the process does not run now", hint="see why: sternway ps, sternway logs")


def _decoded(line: bytes) -> Mapping[str, object]:
    try:
        return order.decode(line.partition(b"\n")[0])
    except ValueError:
        return {}


class _File:
    """A file that does not block, and when it is ready: also once the other side is gone."""

    def __init__(self, number: int, event: int) -> None:
        self.number = number
        self._epoll = select.epoll()
        self._epoll.register(number, event)
        self._waiting: asyncio.Future[None] | None = None

    async def ready(self) -> None:
        """Wait until reading or writing does not block; only one may wait."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        loop.add_reader(self._epoll.fileno(), self._wake)
        try:
            await self._waiting
        finally:
            self._wake()

    def _wake(self) -> None:
        if self._waiting:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            if not self._waiting.done():
                self._waiting.set_result(None)
            self._waiting = None

    def close(self) -> None:
        """Give it back, called once; who waits for it goes on."""
        self._wake()
        self._epoll.close()
        os.close(self.number)
