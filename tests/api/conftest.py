import pytest

from tests.api.server import application, client_of


@pytest.fixture
async def client(running):
    """A client of a rack whose worker runs."""
    async with client_of(application(running.rack)) as opened:
        yield opened


@pytest.fixture
async def still_client(still):
    """A client of a rack that leaves everything to be done."""
    async with client_of(application(still.rack)) as opened:
        yield opened
