"""Single processes of the memory engine: commands are programs that a test wrote, files are bytes in a mapping."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import PurePosixPath

from sternway.core.errors import EngineUnavailable, InvalidInput, NotFound, StaleEpoch
from sternway.core.formation import Formation, Health
from sternway.engines.memory import World
from sternway.ports import Clock, Execution, OneOff, Pipe, Session, Usage

CHUNKS = 8
"""How many chunks are on their way at most, each way."""
NO_SUCH_PROGRAM = 127


class Stage:
    """What a program sees while it runs: what it was called with, its input, and where it prints."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.was_killed = False
        self._input: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS)
        self._output: asyncio.Queue[bytes | None] = asyncio.Queue(CHUNKS)

    async def read(self) -> bytes:
        """Return the next chunk of input; nothing once it has ended."""
        chunk = await self._input.get()
        if not chunk:
            self._input.put_nowait(b"")
        return chunk

    async def print(self, content: bytes) -> None:
        """Print bytes, waiting while nobody takes them."""
        await self._output.put(content)


Program = Callable[[Stage], Awaitable[int]]
"""Returns the exit code."""


class MemorySession:
    """Fills `ports.Session` with a program that runs as a task."""

    def __init__(self, stage: Stage, program: Program) -> None:
        self._stage = stage
        self._is_ended = False
        self._task = asyncio.create_task(self._run(program))

    async def write(self, content: bytes) -> None:
        """Hand it to the program, or to nobody once that has ended."""
        if self._is_ended or not content:
            return
        sending = asyncio.ensure_future(self._stage._input.put(content))
        await asyncio.wait({sending, self._task}, return_when=asyncio.FIRST_COMPLETED)
        sending.cancel()

    async def end_input(self) -> None:
        """Let the program read the end."""
        if not self._is_ended:
            self._is_ended = True
            sending = asyncio.ensure_future(self._stage._input.put(b""))
            await asyncio.wait({sending, self._task}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what it prints."""
        while (chunk := await self._stage._output.get()) is not None:
            yield chunk

    async def exit_code(self) -> int:
        """Return what the program returned."""
        return await self._task

    async def close(self) -> None:
        """End a program that still runs."""
        self._stage.was_killed = self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self, program: Program) -> int:
        code = await program(self._stage)
        await self._stage._output.put(None)
        return code


async def _cat(stage: Stage) -> int:
    while chunk := await stage.read():
        await stage.print(chunk)
    return 0


async def _echo(stage: Stage) -> int:
    await stage.print(" ".join(stage.execution.words[1:]).encode() + b"\n")
    return 0


async def _exit(stage: Stage) -> int:
    return int(stage.execution.words[1])


class MemoryProcesses:
    """Fills `ports.Processes`. `programs` are what the first word of a command may name, `files` are by path,
    `hosts` are what can be connected to, and `used` is what processes use.
    """

    def __init__(self, clock: Clock, world: World) -> None:
        self._clock = clock
        self._world = world
        self.programs: dict[str, Program] = {"cat": _cat, "echo": _echo, "exit": _exit}
        self.hosts: dict[tuple[str, int], Program] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.used: dict[str, Usage] = {}
        self.launched: list[Formation] = []

    async def launch(self, formation: Formation, *, epoch: int) -> OneOff:
        """Start it; it runs until it is stopped, or until the test says how it ended."""
        self._admit(epoch)
        self.launched.append(formation)
        state = self._world.start(formation, 0, self._clock.now())
        there = replace(state, endpoint=None)
        one_off = OneOff(formation.key.service, formation.release_id, there, fingerprint=formation.key.fingerprint)
        self._world.one_offs.setdefault(formation.key.app, []).append(one_off)
        return one_off

    async def one_offs(self, app: str) -> Sequence[OneOff]:
        """Return those that were launched and not stopped."""
        self._check()
        return tuple(self._world.one_offs.get(app, ()))

    async def stop(self, app: str, process_id: str, *, epoch: int) -> None:
        """Let it be gone."""
        self._admit(epoch)
        kept = [one_off for one_off in self._world.one_offs.get(app, ()) if one_off.state.id != process_id]
        self._world.one_offs[app] = kept
        self._world.notify(app)

    def end(self, app: str, process_id: str, code: int) -> None:
        """Let a one-off end by itself."""
        health = Health.FAILED if code else Health.STOPPING
        self._world.one_offs[app] = [
            replace(one_off, state=replace(one_off.state, health=health), exit_code=code)
            if one_off.state.id == process_id
            else one_off
            for one_off in self._world.one_offs.get(app, ())
        ]
        self._world.notify(app)

    @asynccontextmanager
    async def execute(self, app: str, process_id: str, execution: Execution) -> AsyncIterator[Session]:
        """Run the program that the first word names."""
        self._find(app, process_id)
        program = self.programs.get(execution.words[0], _missing)
        async with _running(Stage(execution), program) as session:
            yield session

    async def read_files(self, app: str, process_id: str, path: str) -> AsyncIterator[bytes]:
        """Yield a tar of what lies at the path and below it."""
        self._find(app, process_id)
        wanted = PurePosixPath(path)
        found = {p: c for p, c in self._files(process_id).items() if PurePosixPath(p).is_relative_to(wanted)}
        if not found:
            raise NotFound(f"no such file in the process: {path}", hint="give an absolute path")
        yield _tar({str(PurePosixPath(p).relative_to(wanted.parent)): content for p, content in found.items()})

    async def write_files(self, app: str, process_id: str, path: str, tar: AsyncIterator[bytes]) -> None:
        """Keep the files of the tar."""
        self._find(app, process_id)
        content = b"".join([chunk async for chunk in tar])
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for member in archive:
                    if (source := archive.extractfile(member)) is not None:
                        name = str(PurePosixPath(path, member.name.lstrip("/")))
                        self._files(process_id)[name] = source.read()
        except tarfile.TarError as exc:
            raise InvalidInput("files: not a tar", hint="send one") from exc

    async def delete_files(self, app: str, process_id: str, paths: Collection[str]) -> None:
        """Forget files."""
        self._find(app, process_id)
        for path in paths:
            self._files(process_id).pop(path, None)

    def connect(self, host: str, port: int) -> AbstractAsyncContextManager[Pipe]:
        """Connect to a program that was put there."""
        self._check()
        if (host, port) not in self.hosts:
            raise NotFound(f"no such host: {host}", hint="name it SERVICE.APP")
        return _running(Stage(Execution((host, str(port)))), self.hosts[host, port])

    async def usage(self, app: str) -> Mapping[str, Usage]:
        """Return what was told."""
        self._check()
        return dict(self.used)

    def _files(self, process_id: str) -> dict[str, bytes]:
        return self.files.setdefault(process_id, {})

    def _find(self, app: str, process_id: str) -> None:
        self._check()
        there = {p.id for key, f in self._world.formations.items() if key.app == app for p in f.processes}
        there |= {one_off.state.id for one_off in self._world.one_offs.get(app, ())}
        if process_id not in there:
            raise NotFound(f"process not found: {process_id}", hint="list them: sternway ps")

    def _check(self) -> None:
        if self._world.is_down:
            raise EngineUnavailable("the memory engine does not answer", hint="set world.is_down to False")

    def _admit(self, epoch: int) -> None:
        self._check()
        if epoch < self._world.epoch:
            raise StaleEpoch(f"epoch {epoch} is older than {self._world.epoch}", hint="another rack took over")
        self._world.epoch = epoch


@asynccontextmanager
async def _running(stage: Stage, program: Program) -> AsyncIterator[MemorySession]:
    session = MemorySession(stage, program)
    try:
        yield session
    finally:
        await session.close()


async def _missing(stage: Stage) -> int:
    await stage.print(f"{stage.execution.words[0]}: not found\n".encode())
    return NO_SUCH_PROGRAM


def _tar(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()
