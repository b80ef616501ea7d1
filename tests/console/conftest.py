import pytest

from tests.console.browsing import Browser, front_of


@pytest.fixture
async def browser(running):
    """A browser that is signed in to a rack whose worker runs."""
    async with Browser.of(front_of(running.rack)) as opened:
        await opened.sign_in()
        yield opened


@pytest.fixture
async def stranger(running):
    """A browser that is not signed in."""
    async with Browser.of(front_of(running.rack)) as opened:
        yield opened
