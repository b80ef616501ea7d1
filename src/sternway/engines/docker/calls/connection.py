"""The connection to a Docker engine (or one that speaks its API, 1.41 or later), and its errors in our words."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import aiodocker
import aiohttp

from sternway.core.errors import EngineUnavailable

QUICK_S = 30.0
"""How long a call may take that does no more than look something up or set it going."""

Problem = (aiodocker.DockerError, aiohttp.ClientError, OSError, TimeoutError)
"""Whatever the library raises."""


class Connection:
    """An engine at one address, such as `unix:///var/run/docker.sock`; None is the one that the machine names.

    All parts of an engine share one. It may be opened by each of them; the last to leave closes it.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._docker: aiodocker.Docker | None = None
        self._users = 0

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Be ready for calls until the block ends. Nothing is sent yet, so an engine that is down is no error."""
        if self._docker is None:
            # No bound on the whole of a call: some stream for hours. Those that do not are bounded where they are.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
            self._docker = aiodocker.Docker(self._address, timeout=timeout)
            # Nor on how many go on at once: logs that are followed must not keep anything else waiting.
            self._docker.connector._limit = 0
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                docker, self._docker = self._docker, None
                await docker.close()

    @property
    def docker(self) -> aiodocker.Docker:
        """Return the client; raises EngineUnavailable while it is not opened."""
        if self._docker is None:
            raise EngineUnavailable("the Docker engine is not connected", hint="start the rack")
        return self._docker


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise EngineUnavailable for whatever the engine answers or fails to answer; `doing` says what was tried.

    Who expects a certain status, such as a 404, catches `aiodocker.DockerError` inside.
    """
    try:
        yield
    except aiodocker.DockerError as problem:
        raise EngineUnavailable(f"{doing}: {words(problem)}", hint="see the log of the engine") from problem
    except (aiohttp.ClientError, OSError, TimeoutError) as problem:
        raise EngineUnavailable(
            f"{doing}: the Docker engine does not answer: {words(problem)}", hint="is it running? try: docker info"
        ) from problem


def words(problem: BaseException) -> str:
    """Return an error in words for people, in one line."""
    text = problem.message if isinstance(problem, aiodocker.DockerError) else str(problem)
    return " ".join(str(text).split()) or type(problem).__name__
