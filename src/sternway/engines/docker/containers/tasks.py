"""Tasks that run beside whoever started them, until they are ended together."""

import asyncio
import logging
from collections.abc import Coroutine

_log = logging.getLogger(__name__)


class Tasks:
    """Open from `open` to `close`. A task that breaks down is told of in the log, and ends no other."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.is_open = False

    def open(self) -> None:
        """Take tasks from now on."""
        self.is_open = True

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run something beside."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._on_end)
        return task

    async def close(self) -> None:
        """End all, and return once they have ended."""
        self.is_open = False
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            _log.error("A task of the Docker engine broke down.", exc_info=problem)
