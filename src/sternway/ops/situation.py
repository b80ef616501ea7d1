"""What the ledger says about an app at one moment, and what follows from it for the worker."""

from collections.abc import Sequence
from dataclasses import dataclass

from sternway.core.app import App
from sternway.core.command import Command, CommandRun
from sternway.core.errors import NotFound
from sternway.core.plan import Desired
from sternway.core.promotion import Activation, Promotion, PromotionOptions, PromotionStatus, Standing
from sternway.core.release import Build, Release
from sternway.core.target import desire, nothing
from sternway.ops import agenda
from sternway.ops.rack import Rack
from sternway.ops.reach import Candidate
from sternway.ports import Ledger

Basis = tuple[App | None, Release | None, Build | None, PromotionOptions]


@dataclass(frozen=True, slots=True)
class Situation:
    """`app` is None when no app has this name now: then nothing of it is to run.

    `open` is the promotion that has yet to end. `target` is the release that is to run, None for none;
    `build` is the target's. `activations` say which releases were active lately, the newest first.

    While a release command is `due`, what is active stays the target: nothing of the new release begins before.
    `runs` are those of the open promotion.
    """

    name: str
    app: App | None
    open: Promotion | None = None
    target: Release | None = None
    build: Build | None = None
    activations: tuple[Activation, ...] = ()
    due: Command | None = None
    runs: tuple[CommandRun, ...] = ()

    @property
    def is_forward(self) -> bool:
        """Tell whether a new release is on its way in, rather than held back or an old one on its way back."""
        return self.open is not None and self.open.status is not PromotionStatus.REVERTING and self.due is None

    def require_open(self) -> tuple[App, Promotion]:
        """Return the app and its open promotion, which the caller knows to be there."""
        if self.app is None or self.open is None:
            raise ValueError("no promotion is open")
        return self.app, self.open

    @property
    def basis(self) -> "Basis":
        """Return what `desired` depends on."""
        options = self.open.options if self.open and self.is_forward else PromotionOptions()
        return self.app, self.target, self.build, options

    def desired(self, rack: Rack) -> Desired:
        """Return what is to run; raises what `desire` does."""
        app, target, build, options = self.basis
        if app is None or target is None or build is None:
            return nothing(self.name)
        return desire(app, target, build, rack.place(), options)


async def read(rack: Rack, name: str) -> Situation:
    """Return the situation of the app that has this name now."""
    async with rack.store.read() as ledger:
        try:
            app = await ledger.apps.get(name)
        except NotFound:
            return Situation(name, None)
        standing = await ledger.promotions.standing(app)
        latest = standing.latest
        open_ = latest if latest and latest.status.is_open else None
        target_id = _target(open_, standing.activations)
        target = await ledger.releases.get(app, target_id) if target_id else None
        due, runs = await agenda.read(ledger, app, open_, target)
        if due:
            target = await ledger.promotions.active(app)
        build = await ledger.builds.get(app, target.build_id) if target and target.build_id else None
        return Situation(name, app, open_, target, build, standing.activations, due, runs)


async def begun(ledger: Ledger, target: Candidate, promotion: Promotion, standing: Standing) -> Situation | None:
    """Return what `read` will say once this promotion of the target is committed; None if only `read` can say it.

    `standing` is how the app stood before it.
    """
    app, release, build = target.app, target.release, target.build
    due, runs = await agenda.read(ledger, app, promotion, release)
    if due or build is None or build.id != release.build_id:
        return None
    return Situation(app.name, app, promotion, release, build, standing.activations, due, runs)


def _target(open_: Promotion | None, activations: Sequence[Activation]) -> str | None:
    """Return the id of the release that is to run: the one on its way in, or the one that is active."""
    if open_ and open_.status is not PromotionStatus.REVERTING:
        return open_.release_id
    return activations[0].release_id if activations else None
