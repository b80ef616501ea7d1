"""What changes something is believed only from a page of this console."""

import pytest

from sternway.console.visit import MAX_FORM_BYTES
from tests.console.browsing import Browser, front_of


@pytest.fixture
async def shop(running):
    return await running.app()


async def test_form_without_its_token_is_refused(shop, running, browser):
    release = await running.deployed()
    answer = await browser.client.post(f"/console/apps/shop/releases/{release}/rollback")
    assert (answer.status_code, "out of date" in answer.text) == (403, True)


async def test_token_of_another_session_is_refused(shop, running, browser):
    async with Browser.of(front_of(running.rack)) as other:
        await other.sign_in()
        token = (await other.visit("")).form("/sign-out").fields["form-token"]
    answer = await browser.client.post("/console/sign-out", data={"form-token": token})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_form_sent_by_another_site_is_refused(browser, headers):
    form = (await browser.visit("")).form("/sign-out")
    answer = await browser.client.post(form.action, data=form.fields, headers=headers)
    assert answer.status_code == 403
    assert (await browser.get("")).url.path == "/console"


async def test_form_sent_by_this_console_is_taken(browser):
    form = (await browser.visit("")).form("/sign-out")
    headers = {"Origin": "http://rack.test", "Sec-Fetch-Site": "same-origin"}
    answer = await browser.client.post(form.action, data=form.fields, headers=headers)
    assert answer.url.path == "/console/sign-in"


async def test_sign_in_takes_a_token_too(stranger):
    answer = await stranger.client.post("/console/sign-in", data={"password": "secret"})
    assert answer.status_code == 403


async def test_form_that_is_too_large_is_refused(browser):
    answer = await browser.client.post("/console/sign-out", content=b"a=" + b"x" * MAX_FORM_BYTES)
    assert answer.status_code == 413


@pytest.mark.parametrize("content", [b"a=%ff", b"\xff\xfe=1", b"a=1&" * 600])
async def test_form_that_cannot_be_read_is_refused(browser, content):
    assert (await browser.client.post("/console/sign-out", content=content)).status_code == 400


async def test_password_of_the_api_opens_no_page(running):
    async with Browser.of(front_of(running.rack)) as browser:
        answer = await browser.client.get("/console/rack", auth=("rack", "secret"))
        assert answer.url.path == "/console/sign-in"


async def test_session_of_the_console_opens_no_route_of_the_api(browser):
    assert (await browser.client.get("/apps", headers={"Accept": "*/*"})).status_code == 401
