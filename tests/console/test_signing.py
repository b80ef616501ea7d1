import pytest

from sternway.console.attempts import MAX_BY_ADDRESS, MAX_IN_ALL, WINDOW_S, Attempts
from sternway.console.sessions import LASTS, SealedSessions
from sternway.core.errors import Unauthenticated
from tests.console.browsing import Browser, Page, front_of


class Hands:
    """A clock that only moves by hand."""

    def __init__(self, clock):
        self._clock = clock
        self.passed_s = 0.0
        self._began = clock.now()

    def now(self):
        from datetime import timedelta

        return self._began + timedelta(seconds=self.passed_s)

    def monotonic(self):
        return self.passed_s

    async def sleep(self, seconds):
        self.passed_s += seconds


async def test_stranger_is_led_to_the_form_and_then_to_what_was_asked_for(running, stranger):
    await running.app()
    answer = await stranger.get("/apps/shop/releases")
    assert answer.url.path == "/console/sign-in"
    answer = await stranger.send(Page(answer.text), "/sign-in", password="secret")
    assert answer.url.path == "/console/apps/shop/releases"


async def test_wrong_password_is_told_and_the_way_is_kept(stranger):
    page = await stranger.visit("/sign-in?next=/console/rack")
    answer = await stranger.send(page, "/sign-in", password="wrong")
    assert (answer.status_code, "not the password" in answer.text) == (401, True)
    answer = await stranger.send(Page(answer.text), "/sign-in", password="secret")
    assert answer.url.path == "/console/rack"


@pytest.mark.parametrize(
    "address", ["https://elsewhere.test/", "//elsewhere.test", "/console\\@elsewhere.test", "/apps", "javascript:alert(1)"]
)
async def test_nobody_is_led_away_from_the_console(stranger, address):
    page = await stranger.visit("/sign-in")
    form = page.form("/sign-in")
    answer = await stranger.client.post(form.action, data=form.fields | {"password": "secret", "next": address})
    assert (answer.url.host, answer.url.path) == ("rack.test", "/console")


async def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(stranger):
    page = await stranger.visit("/sign-in")
    form = page.form("/sign-in")
    data = form.fields | {"password": "secret"}
    answer = await stranger.client.post(form.action, data=data, follow_redirects=False)
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("sternway_session"))
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))


async def test_cookie_is_for_encrypted_connections_only_where_there_is_one(stranger):
    page = Page((await stranger.client.get("https://rack.test/console/sign-in")).text)
    data = page.form("/sign-in").fields | {"password": "secret"}
    answer = await stranger.client.post("https://rack.test/console/sign-in", data=data, follow_redirects=False)
    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_after_sign_out_the_session_is_worth_nothing(browser):
    kept = browser.client.cookies["sternway_session"]
    await browser.send(await browser.visit(""), "/sign-out")
    browser.client.cookies.set("sternway_session", kept, domain="rack.test", path="/console")
    assert (await browser.get("")).url.path == "/console/sign-in"


async def test_session_outlives_a_restart_of_the_rack(running, browser):
    async with Browser.of(front_of(running.rack)) as again:
        again.client.cookies = browser.client.cookies
        assert (await again.get("/rack")).url.path == "/console/rack"


async def test_session_ends_with_its_password(running, browser):
    async with Browser.of(front_of(running.rack, "another")) as again:
        again.client.cookies = browser.client.cookies
        assert (await again.get("/rack")).url.path == "/console/sign-in"


@pytest.mark.parametrize("token", ["", "x", "1.2.3", "..", "1700000000.aa.ff", "é.é"])
async def test_made_up_session_is_none(running, token):
    sessions = SealedSessions("secret", running.rack.secrets, running.rack.clock)
    assert await sessions.find(token) is None


async def test_session_ends_after_a_week(running):
    hands = Hands(running.rack.clock)
    sessions = SealedSessions("secret", running.rack.secrets, hands)
    token = await sessions.begin("", "secret")
    assert await sessions.find(token)
    hands.passed_s = LASTS.total_seconds() + 2
    assert await sessions.find(token) is None


async def test_session_begins_only_with_the_password(running):
    sessions = SealedSessions("secret", running.rack.secrets, running.rack.clock)
    with pytest.raises(Unauthenticated):
        await sessions.begin("", "Secret")


async def test_guessing_is_slowed_down_even_for_the_right_password(stranger):
    page = await stranger.visit("/sign-in")
    for _ in range(MAX_BY_ADDRESS):
        assert (await stranger.send(page, "/sign-in", password="wrong")).status_code == 401
    answer = await stranger.send(page, "/sign-in", password="secret")
    assert (answer.status_code, 0 < int(answer.headers["Retry-After"]) <= WINDOW_S) == (429, True)


def test_attempts_are_forgotten_after_a_while_and_once_it_worked(running):
    hands = Hands(running.rack.clock)
    attempts = Attempts(hands)
    for _ in range(MAX_BY_ADDRESS):
        attempts.fail("a")
    assert (attempts.wait_s("a"), attempts.wait_s("b")) == (WINDOW_S, 0)
    attempts.succeed("a")
    assert attempts.wait_s("a") == 0
    for number in range(MAX_IN_ALL):
        attempts.fail(str(number))
    assert attempts.wait_s("nobody") == WINDOW_S
    hands.passed_s += WINDOW_S
    assert attempts.wait_s("nobody") == 0


async def test_rack_without_a_password_lets_everybody_in(running):
    async with Browser.of(front_of(running.rack, "")) as browser:
        assert (await browser.sign_in("")).url.path == "/console"
