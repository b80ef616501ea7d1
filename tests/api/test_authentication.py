import re
from base64 import b64encode

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from sternway.api.application import ROUTERS
from sternway.api.authentication import check_password
from sternway.core.errors import Unauthenticated
from tests.api.server import PASSWORD, application, client_of, serving


def basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        basic("convox:p@s/s"),
        basic("anybody:p@s/s"),
        basic(":p@s/s"),
        basic("convox:p%40s%2Fs"),
        basic("convox:p@s/s").replace("Basic", "basic"),
    ],
)
def test_password_counts_and_the_user_name_does_not(header):
    check_password(header, "p@s/s")


def test_password_that_holds_a_percent_sign_is_taken_as_it_is():
    check_password(basic("convox:100%41"), "100%41")


def test_password_may_hold_colons_and_any_letters():
    check_password(basic("convox:a:b:ü"), "a:b:ü")


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", basic("convox"), basic("convox:"), basic("convox:wrong"), "Bearer p", "Basic /w=="],
)
def test_anything_else_is_refused(header):
    with pytest.raises(Unauthenticated):
        check_password(header, "p")


def test_empty_password_lets_everyone_in():
    check_password("", "")
    check_password(basic("convox:whatever"), "")


def routes_of(kind):
    """Return all routes of a kind, each with a path that could be called."""
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, kind)]
    return [(route, re.sub(r"\{(\w+)[^}]*\}", r"\1", route.path)) for route in found]


OPEN = {"/check": 200, "/channel": 308, "/channel/path": 404, "/invitations/accept": 400}


async def test_every_route_but_the_check_and_the_channel_asks_for_the_password(still):
    app = application(still.rack)
    calls = [(method, path) for route, path in routes_of(APIRoute) for method in route.methods]
    assert len(calls) > 30
    async with client_of(app, None) as client:
        for method, path in [*calls, ("GET", "/openapi.json"), ("GET", "/nowhere")]:
            answer = await client.request(method, path)
            assert answer.status_code == OPEN.get(path, 401), f"{method} {path}"


async def test_check_answers_ok_to_anybody(still):
    async with client_of(application(still.rack), None) as client:
        answer = await client.get("/check")
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_refusal_names_the_realm(still):
    async with client_of(application(still.rack), "wrong") as client:
        answer = await client.get("/system")
    assert answer.headers["www-authenticate"] == 'Basic realm="convox"'
    assert answer.headers["request-id"]


async def test_every_stream_asks_for_the_password(still):
    app = application(still.rack)
    paths = [path for _, path in routes_of(APIWebSocketRoute)] + ["/nowhere"]
    assert len(paths) > 4
    async with serving(app) as address:
        for path in paths:
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"ws://{address}{path}").__aenter__()
            assert caught.value.response.status_code == 401, path


async def test_page_of_another_site_opens_no_stream(still):
    headers = {"Authorization": basic(f"convox:{PASSWORD}")}
    async with serving(application(still.rack)) as address:
        for origin in ("https://evil.test", "null", f"http://{address.replace('127.0.0.1', 'localhost')}"):
            with pytest.raises(InvalidStatus) as caught:
                await connect(
                    f"ws://{address}/system/logs", additional_headers=headers, origin=Origin(origin)
                ).__aenter__()
            assert caught.value.response.status_code == 403, origin
        headers |= {"Follow": "false"}
        async with connect(
            f"ws://{address}/system/logs", additional_headers=headers, origin=Origin(f"http://{address}")
        ) as socket:
            assert await socket.recv(decode=False) == b""


async def test_page_of_another_site_changes_nothing(still_client):
    evil = {"Origin": "https://evil.test"}
    assert (await still_client.post("/apps", data={"name": "shop"}, headers=evil)).status_code == 403
    assert (await still_client.get("/apps", headers=evil)).json() == []
    own = {"Origin": "http://rack.test:80"}
    assert (await still_client.post("/apps", data={"name": "shop"}, headers=own)).status_code == 200
