"""The Protocols between the use cases and the world. Adapters fill them, `bootstrap` chooses.

Errors are those of `core.errors`; an adapter translates whatever its library raises. "It does not answer"
is an error and never an empty answer.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sternway.core.app import App, Made, Settings
from sternway.core.event import Event, Happening
from sternway.core.formation import Formation, FormationKey, FormationState, Route
from sternway.core.promotion import Promotion, PromotionOptions, PromotionStatus
from sternway.core.release import Build, BuildOptions, Release, ReleaseLine


class Clock(Protocol):
    """Time, so that tests can have theirs."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC. It may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever rise."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Ids(Protocol):
    """Random ids. They carry no order."""

    def build(self) -> str:
        """Return `B` and ten capitals."""
        ...

    def release(self) -> str:
        """Return `R` and ten capitals."""
        ...


class Secrets(Protocol):
    """What the key of the rack can do; the key never leaves its adapter."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate. `context` says where the bytes belong; they open nowhere else."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed; raises Corrupt for another key, another context or damaged bytes."""
        ...

    def fingerprint(self, content: bytes) -> str:
        """Return a keyed hash, 32 hex digits, that reveals nothing of the content to who lacks the key."""
        ...


# --- engines ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as facts that the planner and the edges read."""

    name: str
    can_freeze: bool = False
    can_exec: bool = False
    can_limit: bool = False


class Engine(Protocol):
    """Runs formations.

    Every write carries the epoch of the writer's lease; one that is older than the newest seen raises
    StaleEpoch and does nothing. When the engine itself does not answer, every method raises
    EngineUnavailable: what runs is then unknown.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return what this engine can do; it does not change while the rack runs."""
        ...

    def run(self) -> AbstractAsyncContextManager[None]:
        """Connect, adopt what an earlier rack left running (untouched), and watch it until the block ends.

        Leaving the block stops the watching and no process.
        """
        ...

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(app)` called on the loop whenever `observe(app)` may answer something new."""
        ...

    async def ensure(self, formation: Formation, count: int, *, epoch: int) -> None:
        """See to it that a process is, or is being started, in each slot below `count`; stop none.

        Returns once each is on its way; health comes with `observe`. Called twice it does nothing more.
        A formation that is there already keeps the release that first started it. A start that cannot work
        (no such command, artifact gone) is no error here: the process shows as FAILED with the reason.
        """
        ...

    async def retire(self, key: FormationKey, *, keep: int, epoch: int) -> None:
        """Begin to stop the processes in the slots from `keep` on: SIGTERM, then SIGKILL after the grace.

        Returns once it has begun; they show as STOPPING until they are gone. With `keep` 0 the formation is
        forgotten when the last is gone. An unknown key and a second call do nothing.
        """
        ...

    async def restart(self, key: FormationKey, process_id: str, *, epoch: int) -> None:
        """Stop one process as `retire` does; its slot is filled again. Raises NotFound."""
        ...

    async def observe(self, app: str) -> tuple[FormationState, ...]:
        """Return every formation of the app that is present, sorted by key.

        Before a start: absent. During it: present, its processes STARTING. After the rack restarted: as
        before, with the same process ids. What the engine cannot tell raises EngineUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `source` is `service/NAME/PROCESS` or `system/…`; `text` has no newline and may be any bytes."""

    at: datetime
    source: str
    text: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are wanted. `since` is a moment; `tail` the last so many; `service` or `process` narrow it."""

    since: datetime | None = None
    tail: int | None = None
    service: str | None = None
    process: str | None = None
    follow: bool = True


class Logs(Protocol):
    """What processes printed."""

    def read(self, app: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """Yield lines by time, and with `follow` new ones as they come, until the reader stops reading.

        Processes that start later are followed too; those that ended are read as long as they are kept.
        """
        ...


class Journal(Protocol):
    """What the rack itself logged lately."""

    def lines(self, after: datetime | None) -> Sequence[LogLine]:
        """Return the lines later than that, by time, as far as they are kept."""
        ...


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What a builder gets: the app and build, the archive (a gzip tar) and what was asked for."""

    app: str
    build_id: str
    archive: Path
    options: BuildOptions


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came out: the manifest's text as it stood in the source, and an artifact per service."""

    manifest: str
    artifacts: Mapping[str, str]


class Builder(Protocol):
    """Makes artifacts. It belongs to an engine, which is the only one to understand them."""

    async def build(self, order: BuildOrder, log: Callable[[bytes], None]) -> BuildResult:
        """Build; `log` gets output as it comes. Raises BuildFailed with a reason for people.

        Cancelling leaves nothing behind that counts. The same source gives the same artifacts.
        """
        ...

    async def verify(self, artifact: str) -> None:
        """Raise ArtifactGone unless the artifact is there and can be started."""
        ...


# --- router ----------------------------------------------------------------------------------------------


class Router(Protocol):
    """Carries requests from hosts to members. It goes on serving when the rack does not run.

    Epochs are as for engines. When it does not answer: RouterUnavailable.
    """

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

    async def stop(self) -> None:
        """Stop the router itself, as when a rack is taken down with all its apps."""
        ...


class Traffic(Protocol):
    """What the router knows of requests."""

    async def in_flight(self) -> Mapping[str, int]:
        """Return how many requests each endpoint is answering; endpoints with none may be left out."""
        ...


# --- objects ---------------------------------------------------------------------------------------------


class Objects(Protocol):
    """Blobs by app and key, such as uploaded archives and logs of builds. A put is whole or not there."""

    async def put(self, app: str, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store what the chunks give, durably, and return its size; an object with that key is replaced.

        Raises InvalidInput for a key with `..` and TooLarge over the bound. Cancelled, it leaves nothing.
        """
        ...

    async def path(self, app: str, key: str) -> Path:
        """Return a file that can be read; raises NotFound."""
        ...

    async def delete(self, app: str, key: str) -> None:
        """Remove it; raises NotFound."""
        ...


# --- store -----------------------------------------------------------------------------------------------


class Apps(Protocol):
    """Apps and their settings."""

    async def add(self, name: str, made: Made) -> App:
        """Insert an app; raises Conflict if one of that name is there."""
        ...

    async def get(self, name: str) -> App:
        """Return the app that has this name now; raises NotFound (`app not found: NAME`)."""
        ...

    async def list(self) -> Sequence[App]:
        """Return all that are not deleted, by name."""
        ...

    async def list_deleted(self) -> Sequence[App]:
        """Return apps that were deleted and whose processes may still have to be taken down."""
        ...

    async def delete(self, app: App, made: Made) -> None:
        """Record that the app is deleted; its history stays. Called twice it does nothing more."""
        ...

    async def record_dismantled(self, app: App, made: Made) -> None:
        """Record that nothing of a deleted app runs any more."""
        ...

    async def set(self, app: App, settings: Settings, made: Made) -> App:
        """Record new settings as a whole, and return the app as it is now."""
        ...


class Builds(Protocol):
    """Builds, and how far they have come."""

    async def add(self, build: Build) -> None:
        """Insert a build as CREATED."""
        ...

    async def get(self, app: App, build_id: str) -> Build:
        """Return it as it stands; raises NotFound (`build not found: ID`)."""
        ...

    async def list(self, app: App, limit: int) -> Sequence[Build]:
        """Return the newest first."""
        ...

    async def list_open(self) -> Sequence[tuple[App, Build]]:
        """Return every build of the rack that has yet to end."""
        ...

    async def record(self, build: Build, at: datetime) -> None:
        """Record how the build stands now: status, manifest, artifacts, release, reason."""
        ...


class Releases(Protocol):
    """Releases. Their environments are encrypted in the store and nowhere else."""

    async def add(self, release: Release) -> Release:
        """Insert it and return it with its `order`."""
        ...

    async def get(self, app: App, release_id: str) -> Release:
        """Return it; raises NotFound (`release not found: ID`)."""
        ...

    async def newest(self, app: App) -> Release | None:
        """Return the one with the highest order."""
        ...

    async def list(self, app: App, limit: int) -> Sequence[ReleaseLine]:
        """Return the newest first, by order."""
        ...

    async def original(self, app: App, release: Release) -> Release | None:
        """Return the newest other release with the same build, environment and manifest, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a worker did or saw during a promotion, in words for people."""

    at: datetime
    text: str
    promotion_id: int | None = None


class Promotions(Protocol):
    """Promotions, their transitions and their steps."""

    async def add(self, app: App, release: Release, options: PromotionOptions, made: Made) -> Promotion:
        """Insert it as PENDING, and record SUPERSEDED for an open one of the app."""
        ...

    async def latest(self, app: App) -> Promotion | None:
        """Return the newest attempt, as it stands."""
        ...

    async def active(self, app: App) -> Release | None:
        """Return the release of the newest promotion that completed."""
        ...

    async def active_id(self, app: App) -> str | None:
        """Return the id of the active release, without reading the release."""
        ...

    async def get(self, app: App, promotion_id: int) -> Promotion:
        """Return it as it stands; raises NotFound (`promotion not found: ID`)."""
        ...

    async def list(self, app: App, limit: int) -> Sequence[Promotion]:
        """Return the newest first."""
        ...

    async def record(self, promotion: Promotion, status: PromotionStatus, at: datetime, cause: str = "") -> Promotion:
        """Record a transition, and return the promotion as it stands.

        It is left alone where the status that it has by now may not become this one.
        """
        ...

    async def note(self, app: App, step: Step) -> None:
        """Record a step."""
        ...

    async def steps(self, app: App, after: datetime | None = None, promotion_id: int | None = None) -> Sequence[Step]:
        """Return the steps of the app, or of one promotion, since then, by time; at most the newest 1,000."""
        ...


class Events(Protocol):
    """The chained history."""

    async def append(self, chain: str, happening: Happening) -> Event:
        """Add to the end of a chain."""
        ...

    async def list(self, chain: str, limit: int) -> Sequence[Event]:
        """Return the newest first."""
        ...


class Leases(Protocol):
    """Who may act. Taking a lease makes every earlier one stale."""

    async def take(self, holder: str, at: datetime) -> int:
        """Return a new epoch, higher than any before."""
        ...

    async def current(self) -> int:
        """Return the highest epoch; 0 if none was taken."""
        ...


class Ledger(Protocol):
    """What the store holds, by noun, as seen in one transaction."""

    @property
    def apps(self) -> Apps:
        """Return the apps."""
        ...

    @property
    def builds(self) -> Builds:
        """Return the builds."""
        ...

    @property
    def releases(self) -> Releases:
        """Return the releases."""
        ...

    @property
    def promotions(self) -> Promotions:
        """Return the promotions."""
        ...

    @property
    def events(self) -> Events:
        """Return the events."""
        ...

    @property
    def leases(self) -> Leases:
        """Return the leases."""
        ...


class Store(Protocol):
    """The only durable state beside objects. Insert-only: rows are never changed or removed."""

    def run(self) -> AbstractAsyncContextManager[None]:
        """Open it and bring its schema up to date; raises StoreUnavailable."""
        ...

    def read(self) -> AbstractAsyncContextManager[Ledger]:
        """Begin a transaction that sees one state throughout; many may read at once."""
        ...

    def write(self) -> AbstractAsyncContextManager[Ledger]:
        """Begin the one transaction that may write; it commits durably at the end, or not at all.

        Never wait for anything but the store inside.
        """
        ...
