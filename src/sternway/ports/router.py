"""The Protocols of what carries requests."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sternway.core.formation import ProcessState, Route
from sternway.core.traffic import Grain, Series


class Router(Protocol):
    """Carries requests from hosts to members. It goes on serving when the rack does not run.

    Epochs are as for engines. When it does not answer: RouterUnavailable.
    """

    @property
    def epoch(self) -> int:
        """Return the highest epoch that ever wrote, also before a restart; 0 if none did."""
        ...

    def run(self) -> AbstractAsyncContextManager[None]:
        """Start it, or adopt the one that runs, untouched; leaving the block leaves it running."""
        ...

    async def apply(self, app: str, routes: tuple[Route, ...], *, epoch: int) -> None:
        """Make these the whole route set of the app at once, and durably, losing no request.

        When it returns, no new request goes to a member that left. No routes: the app's hosts answer 404.
        A route without members answers 503. Called twice it does nothing more. A host of another app
        raises Conflict and changes nothing.
        """
        ...

    async def observe(self, app: str) -> tuple[Route, ...]:
        """Return the routes as last applied, sorted by service, also after a restart of the rack."""
        ...

    async def processes(self) -> Sequence[ProcessState]:
        """Return the processes that it consists of and that run; one without processes of its own has none."""
        ...

    async def stop(self) -> None:
        """Stop the router itself, as when a rack is taken down with all its apps."""
        ...


class Traffic(Protocol):
    """What the router knows of requests."""

    async def in_flight(self) -> Mapping[str, int]:
        """Return how many requests each endpoint is answering; endpoints with none may be left out."""
        ...

    async def counted(self, apps: Collection[str], grain: Grain) -> Mapping[str, Series]:
        """Return how many requests of each of these apps have ended, and how, up to now; one without any has zeros.

        A request counts when its answer has ended, WebSockets and streams too, and once, whatever was tried for it.
        What was answered while the rack was not there counts as well, as far back as `known_from` says.
        """
        ...
