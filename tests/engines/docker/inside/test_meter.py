from datetime import UTC, datetime, timedelta

import pytest

from sternway.engines.docker.inside.meter import Sample, following, memory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MIB = 1024 * 1024


def test_cores_are_what_was_computed_since_the_look_before():
    sample = following(Sample(NOON, 10.0, 0.0), NOON + timedelta(seconds=4), 12.0)
    assert sample == Sample(NOON + timedelta(seconds=4), 12.0, 0.5)


def test_look_that_comes_too_soon_changes_nothing():
    before = Sample(NOON, 10.0, 0.3)
    assert following(before, NOON + timedelta(seconds=0.1), 10.1) is before
    assert following(before, datetime(1, 1, 1, tzinfo=UTC), 0.0) is before


def test_container_that_was_started_anew_used_nothing_yet():
    assert following(Sample(NOON, 10.0, 0.3), NOON + timedelta(seconds=1), 0.1).cores == 0.0


@pytest.mark.parametrize("stats", [{"total_inactive_file": 20 * MIB, "inactive_file": 1}, {"inactive_file": 20 * MIB}])
def test_memory_is_without_what_is_cached_whatever_the_control_groups(stats):
    assert memory({"usage": 50 * MIB, "stats": stats}) == 30.0
    assert memory({"usage": 50 * MIB}) == 50.0
