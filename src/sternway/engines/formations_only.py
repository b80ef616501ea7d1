"""What an engine offers that runs formations and nothing else."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

from sternway.core.errors import Unsupported
from sternway.core.formation import Formation
from sternway.ports import Execution, OneOff, Pipe, Session, Usage


class FormationsOnly:
    """Fills `ports.Processes` by saying that it cannot be done."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    async def launch(self, formation: Formation, *, epoch: int) -> OneOff:
        """Raise Unsupported."""
        self._refuse("run one-off processes")

    async def one_offs(self, app: str) -> Sequence[OneOff]:
        """Return none."""
        return ()

    async def stop(self, app: str, process_id: str, *, epoch: int) -> None:
        """Raise Unsupported."""
        self._refuse("run one-off processes")

    def execute(self, app: str, process_id: str, execution: Execution) -> AbstractAsyncContextManager[Session]:
        """Raise Unsupported."""
        self._refuse("run commands inside a process")

    def read_files(self, app: str, process_id: str, path: str) -> AsyncIterator[bytes]:
        """Raise Unsupported."""
        self._refuse("copy files")

    async def write_files(self, app: str, process_id: str, path: str, tar: AsyncIterator[bytes]) -> None:
        """Raise Unsupported."""
        self._refuse("copy files")

    async def delete_files(self, app: str, process_id: str, paths: Collection[str]) -> None:
        """Raise Unsupported."""
        self._refuse("delete files")

    def connect(self, host: str, port: int) -> AbstractAsyncContextManager[Pipe]:
        """Raise Unsupported."""
        self._refuse("connect to other processes")

    async def usage(self, app: str) -> Mapping[str, Usage]:
        """Return nothing."""
        return {}

    def _refuse(self, what: str) -> NoReturn:
        raise Unsupported(f"the {self._engine} engine cannot {what}", hint="use a rack with containers for this")
