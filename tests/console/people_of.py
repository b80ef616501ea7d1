"""Users for tests of who may do what."""

from sternway.core.access import Grant, Role
from sternway.ops import access
from sternway.ops.access import users
from tests.console.browsing import Browser
from tests.rack import RackUnderTest

PASSWORD = "correct horse battery"


async def signed_in_as(running: RackUnderTest, browser: Browser, role: Role, name: str = "vic") -> None:
    """Make a user with this role in all apps, and sign them in."""
    invitation = await users.add(running.rack, name, Grant(role), running.made())
    await access.accept_invitation(running.rack, invitation, PASSWORD)
    await browser.sign_in(PASSWORD, name)
