"""The router's directory as one thing: records, slots, and the table of hosts that they come to.

Blocking; the router calls it in a thread, under a lock that holds between racks too: an old and a new one
may stand side by side for a while. What is cached is read again once another epoch has written.
"""

from collections.abc import Set
from pathlib import Path

from sternway.core.formation import Route
from sternway.router import table
from sternway.router.caddy import record, slots

DIRECTORIES = ("apps", "run", "log", "home")


class RouteFiles:
    """What is on disk, and what of it is cached."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._epoch = -1
        self._table: dict[str, tuple[Route, ...]] = {}
        self._hosts: table.Hosts = {}
        self._revisions = slots.Revisions()

    def open(self) -> None:
        """Make the directories, read the records, and make slots anew where they say something else."""
        for directory in (self._directory, *(self._directory / name for name in DIRECTORIES)):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._read()
        for app, routes in self._table.items():
            home = record.app_directory(self._directory, app)
            if not slots.holds(home, routes):
                self._revisions.show(home, routes)

    @property
    def epoch(self) -> int:
        """Return the newest epoch known."""
        return self._epoch

    @property
    def hosts(self) -> table.Hosts:
        """Return the hosts of all apps."""
        return self._hosts

    def endpoints(self, app: str) -> Set[str]:
        """Return the endpoints that the app's requests go to."""
        return {member.endpoint for route in self._table.get(app, ()) for member in route.members}

    def has_gap(self, app: str) -> bool:
        """Tell whether a route of the app has no members."""
        return any(not route.members for route in self._table.get(app, ()))

    def gaps(self) -> Set[str]:
        """Return the apps with such a route."""
        return {app for app in self._table if self.has_gap(app)}

    def change(self, app: str, routes: tuple[Route, ...], epoch: int) -> None:
        """Record the routes, and switch the app to them. Raises StaleEpoch, Conflict; see `ports.Router`."""
        self._enter(epoch)
        before = self._table.get(app, ())
        if routes == before:
            return
        table.check_hosts(self._hosts, app, routes)
        self._replace(app, routes)
        own = table.hosts_of(app, routes)
        if own != table.hosts_of(app, before):
            self._hosts = table.with_hosts(self._hosts, app, own)

    def _replace(self, app: str, routes: tuple[Route, ...]) -> None:
        if routes:
            # Without power the record before may be back, and no process is left that either of them leads to.
            with record.written(self._directory, app, routes):
                self._revisions.show(record.app_directory(self._directory, app), routes)
            self._table[app] = routes
        else:
            record.forget(self._directory, app)
            self._table.pop(app)

    def close_gap(self, app: str) -> None:
        """Have requests for routes without members refused at once, rather than held."""
        self._reread()
        if self.has_gap(app):
            self._revisions.show(record.app_directory(self._directory, app), self._table[app], is_closed=True)

    def discard(self, app: str) -> None:
        """Remove what is left of an app without routes, once no request is led there any more."""
        if app not in self._table:
            record.discard(self._directory, app)

    def _enter(self, epoch: int) -> None:
        """Note the epoch of who writes now. Raises StaleEpoch."""
        self._reread()
        table.check_epoch(self._epoch, epoch)
        if epoch > self._epoch:
            record.write_epoch(self._directory, epoch)
            self._epoch = epoch

    def _reread(self) -> None:
        if record.read_epoch(self._directory) != self._epoch:
            self._read()

    def _read(self) -> None:
        self._revisions.forget()
        self._epoch = record.read_epoch(self._directory)
        self._table = record.read_all(self._directory)
        self._hosts = table.hosts(self._table)
