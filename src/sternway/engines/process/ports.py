"""Ports for processes: free ones on loopback, which nobody else is about to take.

A port is reserved by an abstract unix socket of its number. The engine hands that socket to the supervisor,
which holds it as long as the process may run: the kernel gives it up with the last holder, and other racks
on this machine see it too.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import closing

from sternway.core.errors import EngineUnavailable

HOST = "127.0.0.1"
FIRST = 12000
EPHEMERAL_FIRST = 32768
ATTEMPTS = 200


def reserve(dice: random.Random) -> tuple[int, socket.socket]:
    """Return a port and what reserves it; raises EngineUnavailable if none seems to be free."""
    for port in _candidates(dice):
        reservation = _reserve(port)
        if reservation and _is_free(port):
            return port, reservation
        if reservation:
            reservation.close()
    raise EngineUnavailable(f"no free port found between {FIRST} and {_end()}", hint="stop what uses them")


def _candidates(dice: random.Random) -> Iterator[int]:
    return (dice.randrange(FIRST, _end()) for _ in range(ATTEMPTS))


def _end() -> int:
    """Where the kernel begins to give out ports by itself."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            return max(int(file.read().split()[0]), FIRST + 1000)
    except (OSError, ValueError, IndexError):
        return EPHEMERAL_FIRST


def _reserve(port: int) -> socket.socket | None:
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0sternway/port/{port}")
    except OSError:
        reservation.close()
        return None
    return reservation


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as listener:
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
