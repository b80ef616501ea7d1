import logging
import re

import pytest
from starlette.requests import HTTPConnection

from sternway.api import headers


def connection(**found: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in found.items()]
    return HTTPConnection({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ({"convox_actor": "ann", "x_convox_actor": "ben"}, "ann"),
        ({"x_convox_actor": "ben"}, "ben"),
        ({"convox_actor": "  ", "x_convox_actor": "ben"}, "ben"),
        ({}, "rack-password"),
    ],
)
def test_actor_is_who_the_caller_says_to_be(found, name):
    assert headers.actor(connection(**found)) == name


def test_actor_is_one_short_line():
    assert headers.actor(connection(convox_actor="a\x1b[31m\tb")) == "a[31mb"
    assert len(headers.actor(connection(convox_actor="x" * 9999))) == headers.MAX_LENGTH


async def test_every_answer_has_an_id_and_guards(still_client):
    for path in ("/check", "/apps", "/apps/none", "/nowhere"):
        answer = await still_client.get(path)
        assert re.fullmatch("[0-9a-f]{12}", answer.headers["request-id"])
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


async def test_call_that_may_change_something_is_logged_with_who_made_it(still_client, caplog):
    caplog.set_level(logging.INFO, "sternway.api")
    await still_client.get("/apps")
    await still_client.post("/apps", data={"name": "shop"}, headers={"Convox-Actor": "ann"})
    [record] = [r for r in caplog.records if r.message == "call answered"]
    assert (record.method, record.path, record.status, record.actor) == ("POST", "/apps", 200, "ann")
