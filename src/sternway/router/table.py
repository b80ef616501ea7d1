"""Which app has which host: the rules that every router shares. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sternway.core.errors import Conflict, InvalidInput, StaleEpoch
from sternway.core.formation import Route, RouteOptions

Table = Mapping[str, tuple[Route, ...]]
"""The routes of each app, by its name."""

WILDCARD = "*."
"""What a host begins with that stands for all below it."""

_HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")


@dataclass(frozen=True, slots=True)
class Host:
    """A host as it is compared, the app that has it, and how its requests are treated."""

    app: str
    name: str
    options: RouteOptions


Hosts = Mapping[str, Host]
"""Hosts by their names; never changed, but replaced."""


def in_order(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return the routes sorted by service."""
    return tuple(sorted(routes, key=lambda route: route.service))


def matched_as(host: str) -> str:
    """Return the form in which a host is compared; case does not count in host names."""
    return host.lower()


def check_epoch(newest: int, epoch: int) -> None:
    """Raise StaleEpoch if a younger worker has written already."""
    if epoch < newest:
        raise StaleEpoch(
            f"the router was written with epoch {newest}, this is {epoch}", hint="another rack has taken over"
        )


def check_hosts(known: Hosts, app: str, routes: tuple[Route, ...]) -> None:
    """Raise Conflict if another app or route has one of the hosts, InvalidInput for what is no host name."""
    seen: set[str] = set()
    for host in (matched_as(host) for route in routes for host in route.hosts):
        if not is_host(host):
            raise InvalidInput(f"host: {host!r} is not a host name", hint="use letters, digits, dashes and dots")
        if host in known and known[host].app != app:
            raise Conflict(f"host {host} belongs to app {known[host].app}", hint="remove it there, or choose another")
        if host in seen:
            raise Conflict(f"host {host} is named twice in app {app}", hint="give each host to one service")
        seen.add(host)


def hosts(table: Table) -> Hosts:
    """Return every host of the table."""
    return {host.name: host for app, routes in table.items() for host in hosts_of(app, routes).values()}


def hosts_of(app: str, routes: tuple[Route, ...]) -> Hosts:
    """Return the hosts of one app."""
    found = (Host(app, matched_as(host), route.options) for route in routes for host in route.hosts)
    return {host.name: host for host in found}


def with_hosts(known: Hosts, app: str, own: Hosts) -> Hosts:
    """Return what is known when the app has its own hosts only."""
    return {name: host for name, host in known.items() if host.app != app} | dict(own)


def find(host: str, names: Collection[str]) -> str | None:
    """Return which of the names a host, in the form in which it is compared, belongs to: the nearest."""
    if host in names:
        return host
    labels = host.split(".")
    above = (WILDCARD + ".".join(labels[number:]) for number in range(1, len(labels)))
    return next((name for name in above if name in names), None)


def is_host(host: str) -> bool:
    """Tell whether a lower-case host can be matched, and stand in a path."""
    name = host.removeprefix(WILDCARD)
    return bool(name) and len(host) <= 253 and _HOST_LETTERS.issuperset(name) and all(name.split("."))
