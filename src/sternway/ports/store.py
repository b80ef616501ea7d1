"""The Protocols of the ledger, by noun."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sternway.core.access import SignIn, Token, User
from sternway.core.app import App, Made, Settings
from sternway.core.command import CommandRun, History
from sternway.core.event import Event, Happening
from sternway.core.history import SettingsLine, Stand
from sternway.core.promotion import SWITCHING, Activation, Promotion, PromotionOptions, PromotionStatus, Standing
from sternway.core.registry import Login
from sternway.core.release import Build, Deployment, Release, ReleaseLine


@dataclass(frozen=True, slots=True)
class Deleted:
    """An app that was deleted and taken down, and since when it is deleted."""

    app: App
    made: Made


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

    async def last_deleted(self, name: str) -> Deleted:
        """Return the app that had this name last and was taken down; raises NotFound (`no deleted app: NAME`)."""
        ...

    async def list_lapsed(self, before: datetime) -> Sequence[App]:
        """Return apps, by id, that were deleted for the last time before then, and of which nothing runs any more."""
        ...

    async def begin_restoring(self, app: App, made: Made) -> None:
        """Record that a deleted app is on its way back: it is still deleted, and nobody else gets its name."""
        ...

    async def restore(self, app: App, made: Made) -> App:
        """Record that it is back, with all that it had, and return it; raises Conflict if its name is taken."""
        ...

    async def settings(self, app: App) -> Sequence[SettingsLine]:
        """Return all that was ever set, newest first."""
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

    async def artifacts(self, app: App, build_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """Return what each of these builds made, by build; those of another app are left out."""
        ...

    async def all_artifacts(self) -> Mapping[int, Collection[str]]:
        """Return the artifacts of all builds of every app, deleted or not, by the app's id."""
        ...

    async def list_open(self) -> Sequence[tuple[App, Build]]:
        """Return every build of the rack that has yet to end."""
        ...

    async def record(self, build: Build, at: datetime) -> None:
        """Record how the build stands now: status, manifest, artifacts, release, reason."""
        ...


class Deployments(Protocol):
    """Builds whose release is to be promoted once it is there."""

    async def add(self, build_id: str, made: Made) -> None:
        """Record that the release of a build is to be promoted, and who wants it and why."""
        ...

    async def give_up(self, build_id: str, problem: str, made: Made) -> None:
        """Record why nobody tries any more."""
        ...

    async def find(self, build_id: str) -> Deployment | None:
        """Return what was wanted of a build, if anything was; nothing of it changes with the promotion."""
        ...

    async def list_due(self) -> Sequence[tuple[str, str]]:
        """Return app and id of complete builds whose release was neither promoted nor given up, the oldest first."""
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

    def fingerprint(self, release: Release) -> str:
        """Return the keyed hash of build, environment and manifest."""
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

    @property
    def is_switch(self) -> bool:
        """Tell whether requests went elsewhere from then on."""
        return self.text.startswith(SWITCHING)


class Promotions(Protocol):
    """Promotions, their transitions and their steps."""

    async def standing(self, app: App) -> Standing:
        """Return what the next attempt comes after, and what may stand by, without reading a release."""
        ...

    async def add(self, app: App, release: Release, options: PromotionOptions, made: Made) -> Promotion:
        """Insert it as PENDING, and record SUPERSEDED for an open one of the app."""
        ...

    async def add_after(
        self, standing: Standing, app: App, release: Release, options: PromotionOptions, made: Made
    ) -> Promotion:
        """Do the same where how the app stands was read in this transaction already."""
        ...

    async def latest(self, app: App) -> Promotion | None:
        """Return the newest attempt, as it stands."""
        ...

    async def active(self, app: App) -> Release | None:
        """Return the release of the newest promotion that completed."""
        ...

    async def stands(self, app: App) -> Sequence[Stand]:
        """Return every time that a release became active, newest first, by order."""
        ...

    async def active_id(self, app: App) -> str | None:
        """Return the id of the active release, without reading the release."""
        ...

    async def activations(self, app: App, limit: int) -> Sequence[Activation]:
        """Return which releases were active, the newest first: one for each promotion that completed."""
        ...

    async def get(self, app: App, promotion_id: int) -> Promotion:
        """Return it as it stands; raises NotFound (`promotion not found: ID`)."""
        ...

    async def list(self, app: App, limit: int) -> Sequence[Promotion]:
        """Return the newest first."""
        ...

    async def of_releases(self, app: App, release_ids: Collection[str]) -> Mapping[str, Promotion]:
        """Return the newest attempt at each of these releases; those never tried are left out."""
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


class CommandRuns(Protocol):
    """Runs of release commands, as they stand, by their beginning; and what they did to the history."""

    async def record(self, app: App, run: CommandRun) -> None:
        """Record how a run stands now, from its beginning on."""
        ...

    async def of(self, promotion_id: int) -> Sequence[CommandRun]:
        """Return those of a promotion."""
        ...

    async def of_release(self, app: App, release_id: str) -> Sequence[CommandRun]:
        """Return those of every promotion of a release."""
        ...

    async def list_open(self, app: App) -> Sequence[CommandRun]:
        """Return those of an app that have yet to end."""
        ...

    async def history(self, app: App, release: Release) -> History:
        """Return where a release stands among those that were active, or whose commands ended well."""
        ...


class Events(Protocol):
    """The chained history."""

    async def append(self, chain: str, happening: Happening) -> Event:
        """Add to the end of a chain."""
        ...

    async def list(self, chain: str, limit: int) -> Sequence[Event]:
        """Return the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that could not be brought in: its place among those that were given, and why, without its values."""

    row: int
    why: str


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of rows: so many were brought in, so many were there already, and these were refused."""

    brought: int
    there: int
    refused: Sequence[Refusal]


class Exports(Protocol):
    """Rows that were taken out for an older schema, on their way back into the ledger."""

    async def holds(self, table: str, columns: Sequence[str]) -> bool:
        """Tell whether the schema has a table with these columns."""
        ...

    async def bring_in(self, table: str, rows: Sequence[Mapping[str, Any]]) -> Brought:
        """Bring in rows as they were exported. What is there already stays as it is; called twice changes nothing."""
        ...


class Parameters(Protocol):
    """What is set for the rack as a whole."""

    async def get(self) -> Mapping[str, str]:
        """Return the parameters as they were last set; those never set are not there."""
        ...

    async def set(self, parameters: Mapping[str, str], made: Made) -> None:
        """Record the parameters as a whole."""
        ...


class Logins(Protocol):
    """Logins at image registries. Their passwords are encrypted in the store and nowhere else."""

    async def list(self) -> Sequence[Login]:
        """Return those that were not removed, by server."""
        ...

    async def add(self, login: Login, made: Made) -> None:
        """Record a login, in place of the one for that server."""
        ...

    async def remove(self, server: str, made: Made) -> None:
        """Record that it is gone; raises NotFound (`registry not found: SERVER`)."""
        ...


class Users(Protocol):
    """People who may use the rack. Of passwords and invitations there are only hashes."""

    async def list(self) -> Sequence[User]:
        """Return those that were not removed, by name."""
        ...

    async def find(self, name: str) -> User | None:
        """Return the user of that name, if there is one."""
        ...

    async def record(self, user: User) -> None:
        """Record how a user stands now, as a whole."""
        ...

    async def remove(self, user: User, made: Made) -> None:
        """Record that a user is gone, and with it the hash of the password."""
        ...


class Tokens(Protocol):
    """Deploy tokens, of which there are only hashes, and the key that signs the contract's."""

    async def list(self) -> Sequence[Token]:
        """Return those that were not revoked, also those whose time is over, by name."""
        ...

    async def find(self, token_id: str) -> Token | None:
        """Return the token of that id unless it was revoked."""
        ...

    async def add(self, token: Token) -> None:
        """Record a new token."""
        ...

    async def revoke(self, token: Token, made: Made) -> None:
        """Record that a token is not good any more."""
        ...

    async def signing_key(self) -> bytes | None:
        """Return the key that signs, if there is one; raises Corrupt. It is encrypted in the store."""
        ...

    async def set_signing_key(self, key: bytes, made: Made) -> None:
        """Record another key, which makes what was signed before worthless."""
        ...


class SignIns(Protocol):
    """Browsers that are signed in. Of what they keep there are only hashes."""

    async def find(self, secret: str) -> SignIn | None:
        """Return the one of this hash unless it is over; it may have expired."""
        ...

    async def begin(self, sign_in: SignIn, made: Made) -> None:
        """Record that a browser is signed in."""
        ...

    async def end(self, sign_in: SignIn, made: Made) -> None:
        """Record that it is over."""
        ...

    async def end_all(self, name: str, made: Made) -> None:
        """Record that all that somebody began so far are over."""
        ...


class Leases(Protocol):
    """Who may act. Taking a lease makes every earlier one stale."""

    async def take(self, holder: str, at: datetime, *, above: int = 0) -> int:
        """Return a new epoch, higher than any before, and than `above`.

        A store that was put back from a backup has forgotten leases that engine and router still know.
        """
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
    def deployments(self) -> Deployments:
        """Return the builds that are to be promoted."""
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
    def commands(self) -> CommandRuns:
        """Return the runs of release commands."""
        ...

    @property
    def events(self) -> Events:
        """Return the events."""
        ...

    @property
    def exports(self) -> Exports:
        """Return the way back of rows that were exported."""
        ...

    @property
    def parameters(self) -> Parameters:
        """Return the parameters of the rack."""
        ...

    @property
    def logins(self) -> Logins:
        """Return the logins at registries."""
        ...

    @property
    def users(self) -> Users:
        """Return the users."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Return the deploy tokens."""
        ...

    @property
    def sign_ins(self) -> SignIns:
        """Return the browsers that are signed in."""
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
