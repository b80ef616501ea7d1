"""The Protocols of what is done with single processes: those that run once, and what goes on inside one."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from sternway.core.formation import Formation, ProcessState


@dataclass(frozen=True, slots=True)
class TerminalSize:
    """Rows and columns; it is set once."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A command to run inside a process. `words` go to the program as they are, without a shell.

    With a terminal, what it prints on both outputs comes as one, and its input is echoed. `by_entrypoint` has
    the program started by the entrypoint of its image, on engines where there is one.
    """

    words: tuple[str, ...]
    has_terminal: bool = False
    size: TerminalSize | None = None
    by_entrypoint: bool = False


@dataclass(frozen=True, slots=True)
class OneOff:
    """A process that runs once: nothing starts it again, and no formation counts it.

    `state.health` is STARTING, HEALTHY while it runs, STOPPING, or FAILED when it ended otherwise than with 0.
    `exit_code` is how it ended by itself, 0 as well, and None until then; one that was stopped is soon gone.
    `fingerprint` is that of the formation that it was launched with, also after a restart of the rack.
    """

    service: str
    release_id: str
    state: ProcessState
    exit_code: int | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process uses now: cores (0.5 is half of one) and MiB."""

    cpu: float
    memory_mib: float


class Pipe(Protocol):
    """Bytes both ways, as of a connection."""

    async def write(self, content: bytes) -> None:
        """Send bytes, waiting while too much is on its way; does nothing once the other side is gone."""
        ...

    async def end_input(self) -> None:
        """Say that nothing more is sent; what comes back may still be read. Called twice it does nothing more."""
        ...

    def output(self) -> AsyncIterator[bytes]:
        """Yield what comes, in chunks as they come, until the other side ends."""
        ...


class Session(Pipe, Protocol):
    """A command that runs inside a process."""

    async def exit_code(self) -> int:
        """Return how it ended, once its output has ended; 128 and the signal's number for a signal."""
        ...


class Processes(Protocol):
    """What can be done with single processes. An engine without one of these raises Unsupported.

    Processes are named by the ids that `Engine.observe` and `one_offs` give; of another app or gone: NotFound.
    When the engine does not answer: EngineUnavailable.
    """

    async def launch(self, formation: Formation, *, epoch: int) -> OneOff:
        """Start a process of this content once, beside what runs; it takes no requests.

        It is forgotten some time after it ended. A start that cannot work shows as FAILED with the reason.
        Called twice it starts two. Epochs are as for `Engine`.
        """
        ...

    async def one_offs(self, app: str) -> Sequence[OneOff]:
        """Return the one-off processes of an app that run, or ended lately, by start."""
        ...

    async def stop(self, app: str, process_id: str, *, epoch: int) -> None:
        """Begin to stop a one-off process: SIGTERM, then SIGKILL after the grace. Called twice: nothing more."""
        ...

    def execute(self, app: str, process_id: str, execution: Execution) -> AbstractAsyncContextManager[Session]:
        """Run a command inside a process, with its environment and files, until the block ends.

        One that is still running then is killed.
        """
        ...

    def read_files(self, app: str, process_id: str, path: str) -> AsyncIterator[bytes]:
        """Yield a tar of a file or directory of the process; raises NotFound for a path that is not there.

        Names in it begin with the last part of the path.
        """
        ...

    async def write_files(self, app: str, process_id: str, path: str, tar: AsyncIterator[bytes]) -> None:
        """Unpack a tar into a directory of the process, as the process's own user where the engine can."""
        ...

    async def delete_files(self, app: str, process_id: str, paths: Collection[str]) -> None:
        """Remove files and directories of the process; those that are not there are no error."""
        ...

    def connect(self, host: str, port: int) -> AbstractAsyncContextManager[Pipe]:
        """Connect to a host as the apps of this rack see it: `SERVICE.APP`, or any name or address.

        Raises NotFound for a name that says nothing, and EngineUnavailable when nobody answers there.
        """
        ...

    async def usage(self, app: str) -> Mapping[str, Usage]:
        """Return what the running processes of an app use, by id; those that cannot be measured are left out."""
        ...
