import html
import re

from sternway.core.access import Role
from sternway.ops import access
from sternway.ops.access import tokens
from tests.console.browsing import Browser, Page, front_of

PASSWORD = "correct horse battery"


def shown_once(answer):
    """Return the secret that a page shows."""
    found = re.search(r'<pre class="secret"[^>]*><code>([^<]*)</code>', answer.text)
    assert found, answer.text
    return html.unescape(found[1])


async def test_invited_user_chooses_a_password_and_is_in(running, browser):
    page = await browser.visit("/people")
    answer = await browser.send(page, "/people", name="ada", role="rw", apps="")
    link = shown_once(answer)
    async with Browser.of(front_of(running.rack)) as theirs:
        form = Page((await theirs.client.get(link)).text)
        answer = await theirs.send(form, "/welcome", password=PASSWORD, again=PASSWORD)
        assert (answer.url.path, "ada" in Page(answer.text).text) == ("/console", True)
        again = await theirs.send(form, "/welcome", password=PASSWORD, again=PASSWORD)
        assert (again.status_code, "is not good" in again.text) == (400, True)


async def test_passwords_that_differ_or_are_too_short_leave_the_invitation_good(running, browser):
    link = shown_once(await browser.send(await browser.visit("/people"), "/people", name="ada", role="r"))
    async with Browser.of(front_of(running.rack)) as theirs:
        form = Page((await theirs.client.get(link)).text)
        for password, again in (("short", "short"), (PASSWORD, PASSWORD + "x")):
            assert (await theirs.send(form, "/welcome", password=password, again=again)).status_code == 400
        answer = await theirs.send(form, "/welcome", password=PASSWORD, again=PASSWORD)
        assert answer.url.path == "/console"


async def test_role_of_a_user_is_changed_and_a_user_removed(browser):
    await browser.send(await browser.visit("/people"), "/people", name="ada@example.com", role="r")
    page = await browser.visit("/people")
    await browser.send(page, "ada%40example.com/role", role="rwa", apps="shop, bank")
    page = await browser.visit("/people")
    assert "Administer · bank, shop" in page.text
    await browser.send(page, "ada%40example.com/remove")
    assert "ada@example.com" not in (await browser.visit("/people")).text


async def test_token_is_shown_once_and_opens_the_api_until_it_is_revoked(running, browser):
    answer = await browser.send(await browser.visit("/people"), "/tokens", name="ci", role="rw", apps="shop", days="7")
    secret = shown_once(answer)
    principal = await access.authenticate(running.rack, "ci", secret)
    assert (principal.name, principal.role, principal.apps) == ("token:ci", Role.OPERATOR, frozenset({"shop"}))
    page = await browser.visit("/people")
    assert secret not in (await browser.get("/people")).text
    await browser.send(page, "/tokens/ci/revoke")
    assert await tokens.list_all(running.rack) == []


async def test_days_of_a_token_are_a_number(browser):
    answer = await browser.send(await browser.visit("/people"), "/tokens", name="ci", role="rw", days="soon")
    assert (answer.status_code, "not a number of days" in answer.text) == (400, True)


async def test_audit_tells_who_did_what_and_can_be_narrowed(running, browser):
    await running.app()
    await browser.send(await browser.visit("/people"), "/people", name="ada", role="r")
    page = await browser.visit("/audit")
    assert {"user=ada", "shop", "rack-password"} <= set(re.findall(r"[\w=-]+", page.text))
    assert "user=ada" not in (await browser.visit("/audit?by=ann")).text


async def test_own_password_is_changed_and_asks_to_sign_in_again(running, browser):
    link = shown_once(await browser.send(await browser.visit("/people"), "/people", name="ada", role="r"))
    async with Browser.of(front_of(running.rack)) as theirs:
        await theirs.send(Page((await theirs.client.get(link)).text), "/welcome", password=PASSWORD, again=PASSWORD)
        page = await theirs.visit("/me")
        answer = await theirs.send(
            page, "/me/password", old=PASSWORD, password="another" + PASSWORD, again="another" + PASSWORD
        )
        assert answer.url.path == "/console/sign-in"
        assert (await theirs.sign_in("another" + PASSWORD, name="ada")).url.path == "/console"
