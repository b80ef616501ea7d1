"""What a shell can complete from the rack: names of apps, ids of releases and so on. Never an error or a long wait."""

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


def versions(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the versions that the rack had and that begin so, the newest first."""
    found = [str(item.get("id")) for item in _asked(ctx, routes.SYSTEM_RELEASES)]
    return [version for version in dict.fromkeys(found) if version.startswith(begun)]


def processes(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the services and the ids of the processes of the app that begin so."""
    found = _asked(ctx, routes.processes(_settings().app(ctx.meta.get("sternway.app"))))
    names = {str(item.get(member)) for item in found for member in ("name", "id")}
    return sorted(name for name in names if name.startswith(begun))


def services(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the services of the app that begin so."""
    found = _asked(ctx, routes.services(_settings().app(ctx.meta.get("sternway.app"))))
    return [name for item in found if (name := str(item.get("name"))).startswith(begun)]


def registries(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the registries that the rack has a login for and whose names begin so."""
    found = _asked(ctx, routes.REGISTRIES)
    return [server for item in found if (server := str(item.get("server"))).startswith(begun)]


def users(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the users of the rack whose names begin so."""
    return [name for item in _asked(ctx, routes.USERS) if (name := str(item.get("name"))).startswith(begun)]


def tokens(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Return the deploy tokens whose names begin so."""
    return [name for item in _asked(ctx, routes.TOKENS) if (name := str(item.get("name"))).startswith(begun)]


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
