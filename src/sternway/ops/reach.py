"""Whether a release can run: what a promotion, a rollback and its preview all look at before anything changes."""

from collections.abc import Collection
from dataclasses import dataclass

from sternway.core.app import App, Made
from sternway.core.errors import ArtifactGone, NotFound
from sternway.core.plan import Desired
from sternway.core.promotion import PromotionOptions
from sternway.core.release import Build, Part, Release, gone_back
from sternway.core.target import desire, nothing
from sternway.ops import artifacts
from sternway.ops.rack import Rack
from sternway.ports import Ledger


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that is to run, with its build; None for one that has none, which is refused later on."""

    app: App
    release: Release
    build: Build | None

    def desired(self, rack: Rack, options: PromotionOptions) -> Desired:
        """Return what it wants to run; raises what `desire` does."""
        return (
            desire(self.app, self.release, self.build, rack.place(), options) if self.build else nothing(self.app.name)
        )


async def as_it_is(ledger: Ledger, app: App, release_id: str) -> Candidate:
    """Return a release as it would be promoted; raises NotFound."""
    return await _with_build(ledger, app, await ledger.releases.get(app, release_id))


async def gone_back_to(ledger: Ledger, app: App, release_id: str, part: Part | None, made: Made) -> Candidate:
    """Return the copy that a rollback would promote, under the id of the original; raises NotFound."""
    original = await ledger.releases.get(app, release_id)
    active = await ledger.promotions.active(app) if part else None
    return await _with_build(ledger, app, gone_back(original, active, part, id=original.id, made=made))


async def check(rack: Rack, candidate: Candidate, options: PromotionOptions) -> Desired:
    """Return what it wants to run. Raises unless it can: its manifest, its variables and its artifacts."""
    found = candidate.desired(rack, options)
    try:
        await verify(rack, candidate.app.name, found)
    except ArtifactGone as exc:
        raise await _gone(rack, candidate, exc) from exc
    return found


async def verify(rack: Rack, app_name: str, desired: Desired) -> Collection[str]:
    """Return the artifacts that are needed; raises ArtifactGone unless each is there and intact."""
    needed = {target.formation.artifact for target in desired.services}
    for artifact in needed:
        await rack.builder.verify(app_name, artifact)
    return needed


async def _with_build(ledger: Ledger, app: App, release: Release) -> Candidate:
    try:
        build = await ledger.builds.get(app, release.build_id) if release.build_id else None
    except NotFound:
        build = None
    return Candidate(app, release, build)


async def _gone(rack: Rack, candidate: Candidate, cause: ArtifactGone) -> ArtifactGone:
    """Return the error that also says which releases there is a way back to."""
    name, release_id = candidate.app.name, candidate.release.id
    left = [other for other in await artifacts.reachable(rack, name) if other != release_id]
    hint = f"still there: {', '.join(left)}; take one: sternway releases rollback {left[0]} -a {name}" if left else ""
    return ArtifactGone(f"release {release_id} cannot run: {cause.message}", hint=hint or cause.hint)
