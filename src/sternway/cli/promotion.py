"""Making a release active, forward or back: what `releases`, `deploy` and `env --promote` share."""

from dataclasses import dataclass

from sternway.cli import errors, follow, output
from sternway.cli.client import Form, Rack
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


@dataclass(frozen=True, slots=True)
class Back:
    """What to go back to: a release, or one part of it (`env` or `build`), with settings or without."""

    release: str
    only: str | None = None
    settings: bool = False

    @property
    def is_whole(self) -> bool:
        """Tell whether it is a whole release and nothing else, which every rack can go back to."""
        return self.only is None and not self.settings

    def form(self) -> Form:
        """Return what is sent along."""
        return {} if self.is_whole else {"only": self.only, "settings": self.settings}


def roll_back(rack: Rack, app: str, back: Back, order: Order, progress: output.Progress) -> str:
    """Promote a copy of an older release and return the copy's id.

    It never waits for a promotion that is under way: it supersedes it.
    """
    progress.begin(f"Rolling back to {back.release}")
    copied = _rolled_back(rack, app, back, order)
    new = copied or _copied_by_hand(rack, app, back.release, order)
    progress.done(f"OK, {new.id}")
    progress.begin(f"Promoting {new.id}")
    if copied is None:
        _post(rack, app, new.id, order)
    _finish(rack, app, new.id, order, progress)
    return new.id


def newest(rack: Rack, app: str) -> types.Release | None:
    """Return the newest release as lists have it (perhaps without its environment), None if there is none."""
    return next(iter(rack.fetch_all(types.Release, routes.releases(app), {"limit": 1})), None)


def _rolled_back(rack: Rack, app: str, back: Back, order: Order) -> types.Release | None:
    try:
        return rack.create(types.Release, routes.rollback(app, back.release), {**order.form(), **back.form()})
    except errors.Refused as exc:
        if exc.is_route_missing and back.is_whole:
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
