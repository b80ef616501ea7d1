"""Promotions: attempts to make a release active. The history of an app is these, not only its releases."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sternway.core.app import AppStatus, Made
from sternway.core.errors import InvalidInput, Refused
from sternway.core.release import Release

DEFAULT_TIMEOUT_S = 3000
SWITCHING = "Switching traffic"
"""What the step begins with that says that requests go elsewhere from now on."""
ROLLBACK_SHOWN_FOR = timedelta(seconds=7)
"""How long `rollback` is shown after a revert: clients poll every five seconds and must see it once."""


class PromotionStatus(StrEnum):
    """How far an attempt has come. The first three are open: a worker is, or will be, at it."""

    PENDING = "pending"
    UPDATING = "updating"
    REVERTING = "reverting"
    COMPLETED = "completed"
    REVERTED = "reverted"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Tell whether the attempt has yet to end."""
        return self in (PromotionStatus.PENDING, PromotionStatus.UPDATING, PromotionStatus.REVERTING)

    def may_become(self, other: "PromotionStatus") -> bool:
        """Tell whether an attempt that stands so may stand as `other` next.

        A worker that has not seen a cancellation yet must not undo it: nothing leads back from REVERTING.
        """
        return other in _NEXT[self]


_NEXT = {
    PromotionStatus.PENDING: frozenset(PromotionStatus) - {PromotionStatus.PENDING},
    PromotionStatus.UPDATING: frozenset(PromotionStatus) - {PromotionStatus.PENDING, PromotionStatus.UPDATING},
    PromotionStatus.REVERTING: frozenset({PromotionStatus.REVERTED, PromotionStatus.SUPERSEDED}),
    PromotionStatus.COMPLETED: frozenset[PromotionStatus](),
    PromotionStatus.REVERTED: frozenset[PromotionStatus](),
    PromotionStatus.SUPERSEDED: frozenset[PromotionStatus](),
    PromotionStatus.CANCELLED: frozenset[PromotionStatus](),
}


@dataclass(frozen=True, slots=True)
class PromotionOptions:
    """What a client asked for. Percentages override the manifest's `deployment` for this rollout.

    `run_rollback_commands` has a rollback undo what it goes back over; otherwise it changes nothing.
    """

    force: bool = False
    timeout_s: int = DEFAULT_TIMEOUT_S
    minimum_percent: int | None = None
    maximum_percent: int | None = None
    run_rollback_commands: bool = False


@dataclass(frozen=True, slots=True)
class Promotion:
    """One attempt: who, why, when, and how it stands. `replaces` is the release that was active before."""

    id: int
    app_id: int
    release_id: str
    made: Made
    replaces: str | None
    options: PromotionOptions = field(default_factory=PromotionOptions)
    status: PromotionStatus = PromotionStatus.PENDING
    status_at: datetime | None = None
    cause: str = ""

    def deadline(self) -> datetime:
        """Return when the rollout has to be through."""
        return self.made.at + timedelta(seconds=self.options.timeout_s)


@dataclass(frozen=True, slots=True)
class Activation:
    """That a release became the active one, and when. `order` is the release's."""

    release_id: str
    at: datetime
    order: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How an app stands: the latest promotion, however it stands, and what was active lately, the newest first."""

    latest: Promotion | None
    activations: tuple[Activation, ...] = ()

    @property
    def active(self) -> Activation | None:
        """Return what is active."""
        return self.activations[0] if self.activations else None


def status_of_app(latest: Promotion | None, now: datetime) -> AppStatus:
    """Return what the wire calls the state of an app whose latest promotion this is."""
    if latest is None:
        return AppStatus.RUNNING
    match latest.status:
        case PromotionStatus.PENDING | PromotionStatus.UPDATING:
            return AppStatus.UPDATING
        case PromotionStatus.REVERTING:
            return AppStatus.ROLLBACK
        case PromotionStatus.REVERTED | PromotionStatus.CANCELLED if _is_recent(latest, now):
            return AppStatus.ROLLBACK
        case _:
            return AppStatus.RUNNING


def _is_recent(promotion: Promotion, now: datetime) -> bool:
    at = promotion.status_at
    return at is not None and timedelta(0) <= now - at < ROLLBACK_SHOWN_FOR


def admit(release: Release, standing: Standing, options: PromotionOptions) -> None:
    """Raise if `release` may not be promoted now.

    A rollback and `force` supersede a running promotion: the worst moment to be told to wait is during a
    bad rollout. Order counts, not the clock.
    """
    latest, active = standing.latest, standing.active
    if latest and latest.status.is_open and not (options.force or release.is_rollback):
        raise Refused(
            "app is currently updating", hint="wait for it, or use --force to supersede the running promotion"
        )
    if release.build_id is None or not release.manifest.strip():
        raise InvalidInput(f"release {release.id} has no build", hint="deploy first: sternway deploy")
    if active and release.order < active.order:
        raise InvalidInput(
            f"release {release.id} is older than the active release {active.release_id}",
            hint=f"roll back to it: sternway releases rollback {release.id}",
        )
    _check_percentages(options)


def _check_percentages(options: PromotionOptions) -> None:
    minimum, maximum = options.minimum_percent, options.maximum_percent
    if minimum is not None and not 0 <= minimum <= 100:
        raise InvalidInput(f"min: {minimum} is not between 0 and 100", hint="give a percentage of the count")
    if maximum is not None and not 100 <= maximum <= 1000:
        raise InvalidInput(f"max: {maximum} is not between 100 and 1000", hint="give a percentage of the count")
    if options.timeout_s < 1:
        raise InvalidInput("timeout: must be at least one second", hint="leave it out for 3000")
