import re
from datetime import UTC

from sternway import ports
from sternway.clock import RandomIds, SystemClock


def test_times_are_aware_and_in_utc():
    clock: ports.Clock = SystemClock()
    assert clock.now().tzinfo is UTC


async def test_monotonic_seconds_pass_while_sleeping():
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() - before >= 0.001


def test_ids_have_a_letter_and_ten_capitals():
    ids: ports.Ids = RandomIds()
    assert re.fullmatch("B[A-Z]{10}", ids.build())
    assert re.fullmatch("R[A-Z]{10}", ids.release())
    assert re.fullmatch("V[A-Z]{10}", ids.move())


def test_ids_do_not_repeat():
    ids = RandomIds()
    assert len({ids.release() for _ in range(1000)}) == 1000
