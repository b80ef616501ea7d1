"""Use cases of restoring: bring back an app that was deleted, with its history, its volumes and its active release.

It takes three steps, each of which may be repeated: the name is held, the engine brings the volumes back, and then
the app is there again and its release is promoted. A rack that dies in between leaves an app that can be restored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sternway.core.app import App, Made
from sternway.core.errors import CallerError, Conflict, NotFound
from sternway.core.event import Happening
from sternway.core.promotion import Promotion, PromotionOptions
from sternway.core.release import Release
from sternway.ops import apps, reach
from sternway.ops.promotions import attempt
from sternway.ops.rack import Rack
from sternway.ports import Deleted, Ledger

RETENTION = timedelta(days=30)
"""How long after its deletion an app can be restored."""


@dataclass(frozen=True, slots=True)
class Restored:
    """An app that is back. `promotion` brings its release up again, None if there is none to bring up.

    `notes` are in words for people: what came back, and what did not.
    """

    app: App
    release: Release | None
    promotion: Promotion | None
    notes: Sequence[str]


async def restore(rack: Rack, name: str, made: Made) -> Restored:
    """Bring back the app that had this name last.

    Raises NotFound if there is none or it was deleted too long ago, Conflict while an app of that name is there or
    being deleted, and EngineUnavailable. Interrupted, it can be called again.
    """
    gone, epoch = await _begun(rack, name, made)
    has_volumes = await rack.engine.recall(name, epoch=epoch, owner=gone.id)
    async with rack.store.read() as ledger:
        release = await ledger.promotions.active(gone)
        candidate = await reach.as_it_is(ledger, gone, release.id) if release else None
    problem = await _problem(rack, candidate) if candidate else None
    async with rack.store.write() as ledger:
        app = await ledger.apps.restore(gone, made)
        await apps.record(ledger, app, Happening("app:restore", made.by, made.at, detail=_why(made)))
        promotion = None
        if candidate and not problem:
            promotion, _ = await attempt(ledger, replace(candidate, app=app), PromotionOptions(force=True), made)
    rack.changes.notify(name)
    notes = ["volumes are back" if has_volumes else "there were no volumes to bring back"]
    return Restored(app, release, promotion, [*notes, *([problem] if problem else [])])


async def _begun(rack: Rack, name: str, made: Made) -> tuple[App, int]:
    """Hold the name, and return the app and the epoch to act with."""
    async with rack.store.write() as ledger:
        await _check_free(ledger, name)
        deleted = await ledger.apps.last_deleted(name)
        _check_age(deleted, made)
        await ledger.apps.begin_restoring(deleted.app, made)
        return deleted.app, await ledger.leases.current()


async def _check_free(ledger: Ledger, name: str) -> None:
    if any(app.name == name for app in await ledger.apps.list_deleted()):
        raise Conflict(f"app {name} is still being deleted", hint="try again in a moment")
    try:
        await ledger.apps.get(name)
    except NotFound:
        return
    raise Conflict(f"app already exists: {name}", hint="only an app that was deleted can be restored")


def _check_age(deleted: Deleted, made: Made) -> None:
    age = made.at - deleted.made.at
    if age > RETENTION:
        raise NotFound(
            f"{deleted.app.name} was deleted {age.days} days ago; apps can be restored for {RETENTION.days} days",
            hint="its history is still in the ledger; deploy it again: sternway deploy",
        )


async def _problem(rack: Rack, candidate: reach.Candidate) -> str | None:
    """Return why its release cannot run any more; the app comes back without it then."""
    try:
        await reach.check(rack, candidate, PromotionOptions())
    except CallerError as exc:
        return f"its release {candidate.release.id} was not promoted: {exc.message}"
    return None


def _why(made: Made) -> dict[str, str]:
    return {"reason": made.reason} if made.reason else {}
