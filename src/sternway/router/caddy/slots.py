"""The files that Caddy reads for each request: which address stands in which slot of which host.

    apps/APP/current -> rev-7                      replaced by rename: the one moment of a switch
    apps/APP/rev-7/service/SERVICE/0 .. 23         an address each, the members in rotation
    apps/APP/rev-7/host/HOST -> ../service/SERVICE

They are derived from the record and made anew from it at a start, so that nothing here is synced to disk.
The revision before the current one stays: a request may just be on its way through it.

With more than COUNT members, COUNT of them get requests.
"""

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sternway.core.formation import Route
from sternway.router import table

COUNT = 24
"""Slots per host. More make the spread over odd numbers of members more even; 24 divides by 2, 3, 4, 6, 8, 12."""

PREFIX = "rev-"

GAP_SOCKET = "run/gap.sock"
CLOSED_SOCKET = "run/closed.sock"
"""Sockets that nobody listens on: requests wait at a gap for a member, and are refused at what is closed."""


def path(app: str, host: str, slot: int) -> str:
    """Return the file of a slot, relative to the router's directory."""
    return f"apps/{app}/current/host/{host}/{slot}"


Said = tuple[tuple[Route, ...], bool]
"""What a revision was made of: the routes, and whether what has no members is closed."""


class Revisions:
    """Makes revisions, and remembers of what: the one before the current says what a way back needs, and is there.

    Only what this object made is known, and thus whole: one left by others may have lost its files with the power.
    """

    def __init__(self) -> None:
        self._made: dict[Path, dict[int, Said]] = {}

    def show(self, app_directory: Path, routes: tuple[Route, ...], *, is_closed: bool = False) -> None:
        """Switch at once to a revision for these routes, made now unless it is there; all but it and the last go."""
        there, before = _revisions(app_directory), _current(app_directory)
        made = {number: said for number, said in self._made.get(app_directory, {}).items() if number in there}
        number = next((number for number, said in made.items() if said == (routes, is_closed)), 0)
        if not number:
            number = max(there, default=0) + 1
            _make(app_directory, number, routes, is_closed=is_closed)
        _switch(app_directory, _name(number))
        self._made[app_directory] = made | {number: (routes, is_closed)}
        for old in there - {number, before}:
            shutil.rmtree(app_directory / _name(old))

    def forget(self) -> None:
        """Make everything anew: others have written here."""
        self._made.clear()


def holds(app_directory: Path, routes: tuple[Route, ...]) -> bool:
    """Tell whether the current revision says exactly this."""
    host_directory = app_directory / "current" / "host"
    try:
        if {entry.name for entry in host_directory.iterdir()} != {_entry(h) for r in routes for h in r.hosts}:
            return False
        return all(
            (host_directory / _entry(host) / str(number)).read_text() == address
            for route in routes
            for host in route.hosts
            for number, address in enumerate(_addresses(route, app_directory, is_closed=False))
        )
    except OSError:
        return False


def _make(app_directory: Path, number: int, routes: tuple[Route, ...], *, is_closed: bool) -> None:
    revision = app_directory / _name(number)
    revision.mkdir(mode=0o700)
    _fill(revision, {route: _addresses(route, app_directory, is_closed=is_closed) for route in routes})


def _name(number: int) -> str:
    return f"{PREFIX}{number}"


def _fill(revision: Path, addresses: Mapping[Route, tuple[str, ...]]) -> None:
    for directory in (revision / "host", revision / "service"):
        directory.mkdir(mode=0o700)
    for route, of_slots in addresses.items():
        service = revision / "service" / route.service
        service.mkdir(mode=0o700)
        _write_slots(service, of_slots)
        for host in route.hosts:
            (revision / "host" / _entry(host)).symlink_to(f"../service/{route.service}")


def _entry(host: str) -> str:
    return table.matched_as(host)


def _addresses(route: Route, app_directory: Path, *, is_closed: bool) -> tuple[str, ...]:
    if not route.members:
        return (f"unix/{CLOSED_SOCKET if is_closed else GAP_SOCKET}",) * COUNT
    endpoints = [member.endpoint for member in route.members]
    before = _written(app_directory / "current" / "service" / route.service) if route.options.is_sticky else ()
    return spread(endpoints, before)


def spread(endpoints: Sequence[str], before: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the endpoint of each slot: evenly, and the one that was there before where that can be.

    A cookie names a slot, so that a client keeps its process as long as that keeps the slot.
    """
    due = list(dict.fromkeys(endpoints))[:COUNT]
    shares = {endpoint: (COUNT + number) // len(due) for number, endpoint in enumerate(reversed(due))}
    kept = [_take(shares, endpoint) for endpoint in (*before, *[""] * (COUNT - len(before)))]
    rest = itertools.cycle(due)
    return tuple(endpoint or _next(shares, rest) for endpoint in kept)


def _take(shares: dict[str, int], endpoint: str) -> str:
    if not shares.get(endpoint):
        return ""
    shares[endpoint] -= 1
    return endpoint


def _next(shares: dict[str, int], endpoints: Iterator[str]) -> str:
    return next(endpoint for endpoint in endpoints if _take(shares, endpoint))


def _written(service: Path) -> tuple[str, ...]:
    try:
        return tuple((service / str(number)).read_text() for number in range(COUNT))
    except OSError:
        return ()


def _write_slots(service: Path, addresses: tuple[str, ...]) -> None:
    """Write each address once and link it into its other slots, which is quicker."""
    first: dict[str, Path] = {}
    for number, address in enumerate(addresses):
        slot = service / str(number)
        if address in first:
            slot.hardlink_to(first[address])
        else:
            _write_slot(slot, address)
            first[address] = slot


def _write_slot(file: Path, address: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, address.encode())
    finally:
        os.close(descriptor)


def _switch(app_directory: Path, target: str) -> None:
    beside = app_directory / "current.new"
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(app_directory / "current")


def _revisions(app_directory: Path) -> set[int]:
    return {int(name.removeprefix(PREFIX)) for name in os.listdir(app_directory) if name.startswith(PREFIX)}


def _current(app_directory: Path) -> int:
    try:
        return int((app_directory / "current").readlink().name.removeprefix(PREFIX))
    except FileNotFoundError:
        return 0
