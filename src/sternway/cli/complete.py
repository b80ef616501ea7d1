"""What a shell can complete from the rack: names of apps, ids of releases. Never an error, never a long wait."""

import os
from pathlib import Path
from typing import Any

import click

from sternway.cli import errors
from sternway.cli.settings import Settings
from sternway.wire import routes

WAIT_S = 1.0
LISTED = 30


def apps(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the apps whose names begin so."""
    return [name for item in _asked(ctx, routes.APPS) if (name := str(item.get("name"))).startswith(begun)]


def releases(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the releases of the app whose ids begin so, the newest first."""
    path = routes.releases(_settings().app(ctx.meta.get("sternway.app")))
    found = _asked(ctx, path, {"limit": LISTED})
    return [identifier for item in found if (identifier := str(item.get("id"))).startswith(begun)]


def _asked(ctx: click.Context, path: str, query: dict[str, object] | None = None) -> list[dict[str, Any]]:
    from sternway.cli import address, client

    try:
        url = _settings().rack_url(ctx.meta.get("sternway.rack"))
        rack = client.Rack(address.parse(url), actor="completion")
        found = rack.get(path, query, timeout_s=WAIT_S)
    except errors.CommandFailed:
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _settings() -> Settings:
    return Settings(os.environ, Path.cwd())
