import random
import socket
from contextlib import closing
from pathlib import Path

import pytest

from sternway.core.errors import EngineUnavailable
from sternway.engines.process import ports


class LoadedDice(random.Random):
    """Falls as told, and then on its last side."""

    def __init__(self, *falls: int) -> None:
        super().__init__()
        self.falls = list(falls)

    def randrange(self, *args: int) -> int:  # type: ignore[override]
        return self.falls.pop(0) if len(self.falls) > 1 else self.falls[0]


def free_port() -> int:
    port, reservation = ports.reserve(random.Random())
    reservation.close()
    return port


def test_a_reserved_port_is_passed_over_until_it_is_given_up():
    first, other = free_port(), free_port()
    _, reservation = ports.reserve(LoadedDice(first))
    port, second = ports.reserve(LoadedDice(first, other))
    assert port == other
    reservation.close()
    second.close()
    port, reservation = ports.reserve(LoadedDice(first))
    reservation.close()
    assert port == first


def test_a_port_that_somebody_listens_on_is_passed_over():
    taken, other = free_port(), free_port()
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", taken))
        listener.listen()
        port, reservation = ports.reserve(LoadedDice(taken, other))
        reservation.close()
        assert port == other
        with pytest.raises(EngineUnavailable):
            ports.reserve(LoadedDice(taken))


def test_ports_are_outside_the_range_that_the_kernel_gives_out():
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert ports.FIRST <= free_port() < first
