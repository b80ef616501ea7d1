"""Which app has which host: the rules that every router shares. Pure."""

from collections.abc import Iterable, Mapping

from sternway.core.errors import Conflict, InvalidInput, StaleEpoch
from sternway.core.formation import Route

Table = Mapping[str, tuple[Route, ...]]
"""The routes of each app, by its name."""

_HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")


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


def check_hosts(table: Table, app: str, routes: tuple[Route, ...]) -> None:
    """Raise Conflict if another app or route has one of the hosts, InvalidInput for what is no host name."""
    owners = {host: name for name, host in hosts(table) if name != app}
    seen: set[str] = set()
    for host in (matched_as(host) for route in routes for host in route.hosts):
        if not is_host(host):
            raise InvalidInput(f"host: {host!r} is not a host name", hint="use letters, digits, dashes and dots")
        if host in owners:
            raise Conflict(f"host {host} belongs to app {owners[host]}", hint="remove it there, or choose another")
        if host in seen:
            raise Conflict(f"host {host} is named twice in app {app}", hint="give each host to one service")
        seen.add(host)


def hosts(table: Table) -> tuple[tuple[str, str], ...]:
    """Return (app, host) for every host of the table, sorted."""
    return tuple(
        sorted((app, matched_as(host)) for app, routes in table.items() for route in routes for host in route.hosts)
    )


def is_host(host: str) -> bool:
    """Tell whether a lower-case host can be matched, and stand in a path."""
    return bool(host) and len(host) <= 253 and _HOST_LETTERS.issuperset(host) and all(host.split("."))
