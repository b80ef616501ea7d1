"""What tests of several parts share."""

import pytest
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture
async def running(tmp_path):
    """A rack with a worker, over memory engine and router."""
    from tests.rack import rack_under_test

    async with rack_under_test(tmp_path) as opened:
        yield opened


@pytest.fixture
async def still(tmp_path):
    """A rack without a worker: what is asked for stays to be done."""
    from tests.rack import rack_under_test

    async with rack_under_test(tmp_path, reconcile=False) as opened:
        yield opened
