"""Use cases of previews: what a rollback would do, proved before anything changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sternway.core.release import Release
from sternway.ops.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `ok` is None where it could not be found out."""

    name: str
    ok: bool | None
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ServiceOutlook:
    """One service of the target: how many processes it is to have, and how many of these are there already."""

    name: str
    count: int
    there: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. `release` is what would be promoted, with the description that it would have.

    `is_in_standby`: everything that it needs is there already, None where the engine does not say.
    `expected_s` is the median of this app's own promotions of that kind, of which there were `measured`.
    `stays` is what would not come back, each in words. `differences` are from the active release to the
    target, None where none is active.
    """

    app: str
    release: Release
    checks: Sequence[Finding]
    services: Sequence[ServiceOutlook] = ()
    is_in_standby: bool | None = None
    expected_s: float | None = None
    measured: int = 0
    stays: Sequence[str] = ()
    differences: Comparison | None = None
    notes: Sequence[str] = field(default=())

    @property
    def would_work(self) -> bool:
        """Tell whether nothing that was looked at stands in the way."""
        return all(check.ok is not False for check in self.checks)


# `async def preview(rack, app_name, release_id, wish: promotions.Rollback, options) -> Preview` follows.
