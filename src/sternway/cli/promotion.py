"""Making a release active, forward or back: what `releases`, `deploy` and `env --promote` share."""

from sternway.cli import errors, follow, output
from sternway.cli.client import Rack
from sternway.cli.order import Order
from sternway.wire import routes, types

PROMOTE_ANSWER_S = 600.0
"""Some racks answer only once they have begun to roll out."""


def promote(rack: Rack, app: str, release: str, order: Order, progress: output.Progress) -> None:
    """Promote a release and follow it to its end, unless the order says not to wait."""
    if not order.force:
        follow.until_running(rack, app, progress)
    progress.begin(f"Promoting {release}")
    _post(rack, app, release, order)
    _finish(rack, app, release, order, progress)


def roll_back(rack: Rack, app: str, old: str, order: Order, progress: output.Progress) -> str:
    """Promote a copy of an older release and return the copy's id.

    It never waits for a promotion that is under way: it supersedes it.
    """
    progress.begin(f"Rolling back to {old}")
    copied = _rolled_back(rack, app, old, order)
    new = copied or _copied_by_hand(rack, app, old, order)
    progress.done(f"OK, {new.id}")
    progress.begin(f"Promoting {new.id}")
    if copied is None:
        _post(rack, app, new.id, order)
    _finish(rack, app, new.id, order, progress)
    return new.id


def newest(rack: Rack, app: str) -> types.Release | None:
    """Return the newest release as lists have it (perhaps without its environment), None if there is none."""
    return next(iter(rack.fetch_all(types.Release, routes.releases(app), {"limit": 1})), None)


def _rolled_back(rack: Rack, app: str, old: str, order: Order) -> types.Release | None:
    try:
        return rack.create(types.Release, routes.rollback(app, old), order.form())
    except errors.Refused as exc:
        if exc.is_route_missing:
            return None
        raise


def _copied_by_hand(rack: Rack, app: str, old: str, order: Order) -> types.Release:
    release = rack.fetch(types.Release, routes.release(app, old))
    form = {"build": release.build, "env": release.env, "reason": order.reason}
    return rack.create(types.Release, routes.releases(app), form)


def _post(rack: Rack, app: str, release: str, order: Order) -> None:
    rack.send("POST", routes.promote(app, release), order.form(), timeout_s=PROMOTE_ANSWER_S)


def _finish(rack: Rack, app: str, release: str, order: Order, progress: output.Progress) -> None:
    if order.wait:
        follow.until_ended(rack, app, release, progress)
    progress.done()
