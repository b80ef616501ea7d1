import pytest

from sternway.core.access import Grant, Role
from sternway.ops import access
from sternway.ops.access import users
from sternway.ops.attempts import WINDOW_S, WRONG_BY_ADDRESS
from tests.console.browsing import Browser, Page, front_of

OPERATOR = Grant(Role.OPERATOR)
ADA = "correct horse battery"


async def invited(running, name="ada", grant=OPERATOR):
    """Add a user who has accepted the invitation."""
    invitation = await users.add(running.rack, name, grant, running.made())
    await access.accept_invitation(running.rack, invitation, ADA)


async def test_stranger_is_led_to_the_form_and_then_to_what_was_asked_for(running, stranger):
    await running.app()
    answer = await stranger.get("/apps/shop/releases")
    assert answer.url.path == "/console/sign-in"
    answer = await stranger.send(Page(answer.text), "/sign-in", password="secret")
    assert answer.url.path == "/console/apps/shop/releases"


async def test_wrong_password_is_told_and_the_way_is_kept(stranger):
    page = await stranger.visit("/sign-in?next=/console/rack")
    answer = await stranger.send(page, "/sign-in", password="wrong")
    assert (answer.status_code, "do not fit" in answer.text) == (401, True)
    answer = await stranger.send(Page(answer.text), "/sign-in", password="secret")
    assert answer.url.path == "/console/rack"


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.test/", "//elsewhere.test", "/console\\@elsewhere.test", "/apps", "javascript:alert(1)"],
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


async def test_made_up_session_is_none(stranger):
    for token in ("x", "0" * 48, "..", "%00"):
        stranger.client.cookies.set("sternway_session", token, domain="rack.test", path="/console")
        assert (await stranger.get("")).url.path == "/console/sign-in"


async def test_guessing_is_slowed_down_even_for_the_right_password(stranger):
    page = await stranger.visit("/sign-in")
    for _ in range(WRONG_BY_ADDRESS):
        assert (await stranger.send(page, "/sign-in", password="wrong")).status_code == 401
    answer = await stranger.send(page, "/sign-in", password="secret")
    assert (answer.status_code, 0 < int(answer.headers["Retry-After"]) <= WINDOW_S) == (429, True)


async def test_rack_without_a_password_lets_everybody_in(running):
    async with Browser.of(front_of(running.rack, "")) as browser:
        assert (await browser.sign_in("")).url.path == "/console"


async def test_user_signs_in_and_history_names_them(running, stranger):
    await invited(running)
    await running.app()
    old, _ = await running.deployed(), await running.deployed(source=b"other")
    assert (await stranger.sign_in(ADA, name="ada")).url.path == "/console"
    page = await stranger.visit(f"/apps/shop/releases/{old}/rollback")
    answer = await stranger.send(page, "/rollback")
    assert "Ordered by ada" in Page(answer.text).text


async def test_wrong_password_of_a_user_and_a_name_that_nobody_has_are_told_alike(running, stranger):
    await invited(running)
    told = [Page((await stranger.sign_in("wrong password", name=name)).text).text for name in ("ada", "bob")]
    assert told[0] == told[1]


async def test_viewer_sees_no_buttons_and_may_not_press_them(running, stranger):
    await invited(running, grant=Grant(Role.VIEWER))
    await running.app()
    old, _ = await running.deployed(), await running.deployed(source=b"other")
    await stranger.sign_in(ADA, name="ada")
    page = await stranger.visit("/apps/shop/releases")
    assert [link for link in page.links if link.endswith("/rollback")] == []
    token = (await stranger.visit("")).form("/sign-out").fields["form-token"]
    answer = await stranger.client.post(f"/console/apps/shop/releases/{old}/rollback", data={"form-token": token})
    assert answer.status_code == 403
    for path in ("/people", "/audit", "/rack/update"):
        assert (await stranger.get(path)).status_code == 403


async def test_user_of_one_app_sees_no_other_and_not_the_rack(running, stranger):
    await invited(running, grant=Grant(Role.OPERATOR, frozenset({"shop"})))
    await running.app()
    await running.app("bank")
    await stranger.sign_in(ADA, name="ada")
    page = await stranger.visit("")
    assert [link for link in page.links if "/apps/" in link] == ["/console/apps/shop"]
    for path in ("/apps/bank", "/apps/bank/logs", "/apps/bank/releases/live", "/rack", "/rack/logs"):
        assert (await stranger.get(path)).status_code == 403


async def test_user_who_was_removed_is_signed_out_at_once(running, stranger):
    await invited(running)
    await stranger.sign_in(ADA, name="ada")
    await users.remove(running.rack, "ada", running.made())
    assert (await stranger.get("")).url.path == "/console/sign-in"


async def test_signing_out_everywhere_ends_other_browsers_too(running, browser):
    async with Browser.of(front_of(running.rack)) as other:
        await other.sign_in()
        await browser.send(await browser.visit("/me"), "/me/sign-out")
        assert (await other.get("")).url.path == "/console/sign-in"
