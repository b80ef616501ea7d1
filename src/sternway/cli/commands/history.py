"""`history`: what was active when, by whom and why."""

from sternway.cli import options, output, retrospect
from sternway.cli.command import command
from sternway.cli.options import Target
from sternway.wire import routes, types


@command()
@options.with_limit
@options.as_json
@options.on_app
def history(target: Target, limit: int | None, as_json: bool) -> None:
    """List what was active when, by whom and why, and what else was changed, newest first."""
    show(target, routes.history(target.app), limit, as_json=as_json)


def show(target: Target, path: str, limit: int | None, *, as_json: bool) -> None:
    """Fetch and show a history."""
    lines = target.rack.fetch_all(types.HistoryLine, path, {"limit": limit})
    output.show_json(lines) if as_json else retrospect.show_history(lines)
