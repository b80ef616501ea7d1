"""What was applied, durably: the routes of each app in a file of its own, and the highest epoch.

Each file is written beside, synced, renamed, and its directory synced. A record that cannot be read is an
error and never an empty table.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from sternway import files
from sternway.core.errors import RouterUnavailable
from sternway.core.formation import FormationKey, Member, Route, RouteOptions

EPOCH_FILE = "epoch"
ROUTES_FILE = "routes.json"


def app_directory(directory: Path, app: str) -> Path:
    """Return where everything about the app is."""
    return directory / "apps" / app


def read_epoch(directory: Path) -> int:
    """Return the highest epoch that wrote here; 0 if none did."""
    try:
        return int((directory / EPOCH_FILE).read_text())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as exc:
        raise _unreadable(directory / EPOCH_FILE, exc) from exc


def write_epoch(directory: Path, epoch: int) -> None:
    """Record the epoch durably."""
    write_durably(directory / EPOCH_FILE, f"{epoch}\n")


def read_all(directory: Path) -> dict[str, tuple[Route, ...]]:
    """Return the routes of every app that has a record."""
    apps = directory / "apps"
    return {entry.name: read(directory, entry.name) for entry in apps.iterdir() if (entry / ROUTES_FILE).exists()}


def read(directory: Path, app: str) -> tuple[Route, ...]:
    """Return the routes of the app; none if it has no record."""
    file = app_directory(directory, app) / ROUTES_FILE
    try:
        return tuple(_route(value) for value in json.loads(file.read_text())["routes"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise _unreadable(file, exc) from exc


@contextmanager
def written(directory: Path, app: str, routes: tuple[Route, ...]) -> Iterator[None]:
    """Record the routes of the app. It is the record in the block, and durably so once the block has ended."""
    home = app_directory(directory, app)
    if not home.exists():
        home.mkdir(mode=0o700)
        files.sync_directory(home.parent)
    content = json.dumps({"format": 1, "routes": [asdict(route) for route in routes]})
    with files.replacing(home / ROUTES_FILE, content.encode()):
        yield


def forget(directory: Path, app: str) -> None:
    """Remove the record of the app durably; its slots may still be there."""
    home = app_directory(directory, app)
    (home / ROUTES_FILE).unlink(missing_ok=True)
    if home.exists():
        files.sync_directory(home)


def discard(directory: Path, app: str) -> None:
    """Remove whatever is left of an app whose record is gone."""
    shutil.rmtree(app_directory(directory, app), ignore_errors=True)


def write_durably(file: Path, text: str) -> None:
    """Replace a file such that after a crash it is either the old or the new one."""
    files.replace(file, text.encode(), is_durable=True)


def _route(value: dict[str, object]) -> Route:
    members, hosts = value["members"], value["hosts"]
    if not isinstance(members, list) or not isinstance(hosts, list):
        raise TypeError("members and hosts are lists")
    options = _options(value.get("options", {}))
    return Route(str(value["service"]), tuple(hosts), tuple(_member(member) for member in members), options)


def _options(value: object) -> RouteOptions:
    """Read the options; a record of an earlier version has none."""
    if not isinstance(value, dict):
        raise TypeError("options are an object")
    return RouteOptions(**{**value, "clients": tuple(value.get("clients", ()))})


def _member(value: dict[str, object]) -> Member:
    formation = value["formation"]
    if not isinstance(formation, dict):
        raise TypeError("a formation is an object")
    return Member(FormationKey(**formation), str(value["endpoint"]))


def _unreadable(file: Path, exc: Exception) -> RouterUnavailable:
    return RouterUnavailable(f"cannot read {file}: {exc}", hint="restore the file, or remove it and deploy again")
