"""Waiting for a promotion: its steps as they happen, and how it ended.

A rack with a history of promotions is asked for news of one (a long poll). Others only have the app's
status, which is polled as their own clients do: `running` twice in a row, or one sight of `rollback`.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from sternway.cli import errors, output
from sternway.cli.client import Rack
from sternway.wire import routes, types

T = TypeVar("T")
Pause = Callable[[float], None]

OPEN = ("pending", "updating", "reverting")
LIMIT_S = 3600.0
"""For how long a promotion is followed; the rack ends one after 3000 s unless told otherwise."""
NEWS_WAIT_S = 20
ANSWER_S = NEWS_WAIT_S + 40.0
NO_NEWS_PAUSE_S = 0.5
ABSENCE_S = 60.0
"""For how long the rack may be away meanwhile: it may be restarted while it promotes."""
LOOK_S = 0.5
POLL_S = 5.0
POLLS = 35 * 60 // 5
LISTED = 20


def until_ended(rack: Rack, app: str, release: str, progress: output.Progress, *, pause: Pause = time.sleep) -> None:
    """Show the newest promotion of a release until it has ended; raises unless the release is active then.

    Interrupting it stops the watching only, and says so.
    """
    try:
        promotion = _newest(rack, app, release)
        if promotion is None:
            _poll(rack, app, release, pause)
        else:
            _conclude(_watch(rack, promotion, progress, pause), app)
    except KeyboardInterrupt as exc:
        progress.end_line()
        message = f"The promotion of {release} goes on in the rack."
        raise errors.Interrupted(message, hint=f"watch it: sternway releases follow {release} -a {app}") from exc


def until_running(rack: Rack, app: str, progress: output.Progress, *, pause: Pause = time.sleep) -> None:
    """Wait while the app is busy with something else; says so only if there is anything to wait for."""
    if _is_ready(rack, app):
        return
    progress.begin("Waiting for app to be ready")
    for _ in range(POLLS):
        pause(POLL_S)
        if _is_ready(rack, app):
            progress.done()
            return
    raise errors.CommandFailed("timeout: the app is still not running", hint="use --force to supersede what it does")


def until(is_so: Callable[[], bool], limit_s: float, *, pause: Pause = time.sleep) -> None:
    """Wait until something is so; raises after `limit_s` seconds, and stops nothing then."""
    give_up_at = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > give_up_at:
            raise errors.CommandFailed(f"timeout: not done within {limit_s:g} s", hint="it goes on in the rack")
        pause(LOOK_S)


def last_promoted(rack: Rack, app: str) -> str | None:
    """Return the release of the newest promotion, None where the rack has none or keeps none."""
    newest = _last(rack, app)
    return newest.release if newest else None


def patiently(call: Callable[[], T], *, pause: Pause, absence_s: float = ABSENCE_S) -> T:
    """Return what a reading call returns, calling again each second while the rack does not answer."""
    for _ in range(int(absence_s)):
        try:
            return call()
        except errors.Unreachable:
            pause(1.0)
    return call()


def _is_ready(rack: Rack, app: str) -> bool:
    if _status(rack, app) == "running":
        return True
    # A status may stay in sight for a while after what it tells of has ended, for those who only poll.
    newest = _last(rack, app)
    return newest is not None and newest.status not in OPEN


def _newest(rack: Rack, app: str, release: str) -> types.Promotion | None:
    listed = _promotions(rack, app)
    if listed is None:
        return None
    found = [promotion for promotion in listed if promotion.release == release]
    if not found:
        hint = f"promote it: sternway releases promote {release} -a {app}"
        raise errors.not_found(f"{release} is in none of the last {LISTED} promotions", hint=hint)
    return max(found, key=lambda p: p.id)


def _last(rack: Rack, app: str) -> types.Promotion | None:
    return max(_promotions(rack, app) or [], key=lambda p: p.id, default=None)


def _promotions(rack: Rack, app: str) -> list[types.Promotion] | None:
    try:
        return rack.fetch_all(types.Promotion, routes.promotions(app), {"limit": LISTED})
    except errors.Refused as exc:
        if exc.is_route_missing:
            return None
        raise


def _watch(rack: Rack, promotion: types.Promotion, progress: output.Progress, pause: Pause) -> types.Promotion:
    give_up_at = time.monotonic() + LIMIT_S
    seen = 0
    while time.monotonic() < give_up_at:
        latest = patiently(lambda after=seen: _news(rack, promotion, after), pause=pause)  # type: ignore[misc]
        for step in latest.steps[seen:]:
            progress.step(step.text)
        if latest.status not in OPEN:
            return latest
        if len(latest.steps) == seen:
            pause(NO_NEWS_PAUSE_S)
        seen = len(latest.steps)
    hint = f"watch it: sternway releases follow {promotion.release} -a {promotion.app}"
    raise errors.CommandFailed("timeout: the promotion has not ended yet", hint=hint)


def _news(rack: Rack, promotion: types.Promotion, after: int) -> types.Promotion:
    path = routes.promotion(promotion.app, promotion.id)
    return rack.fetch(types.Promotion, path, {"wait": NEWS_WAIT_S, "after": after}, timeout_s=ANSWER_S)


def _conclude(promotion: types.Promotion, app: str) -> None:
    if promotion.status == "completed":
        return
    what = "rollback" if promotion.status == "reverted" else promotion.status
    message = f"{what}: {promotion.cause}" if promotion.cause else what
    hint = f"{promotion.replaces} goes on serving; see why: sternway logs -a {app}" if promotion.replaces else ""
    raise errors.CommandFailed(message, hint="" if what == "superseded" else hint)


def _poll(rack: Rack, app: str, release: str, pause: Pause) -> None:
    in_a_row = 0
    for _ in range(POLLS):
        pause(POLL_S)
        status = patiently(lambda: _status(rack, app), pause=pause)
        if status == "rollback":
            raise errors.CommandFailed("rollback")
        in_a_row = in_a_row + 1 if status == "running" else 0
        if in_a_row == 2:
            break
    else:
        raise errors.CommandFailed("timeout")
    if rack.fetch(types.App, routes.app(app)).release != release:
        raise errors.CommandFailed("rollback")


def _status(rack: Rack, app: str) -> str:
    return rack.fetch(types.App, routes.app(app)).status
