import logging

import pytest
from starlette.requests import HTTPConnection

from sternway.api import errors as api_errors
from sternway.core import errors
from sternway.core.errors import SternwayError
from tests.api.server import application, client_of


def connection(accept: str | None = None) -> HTTPConnection:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return HTTPConnection({"type": "http", "headers": headers, "path": "/"})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInput, 400),
        (errors.ManifestInvalid, 400),
        (errors.EnvironmentMissing, 400),
        (errors.Unauthenticated, 401),
        (errors.Refused, 403),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.ArtifactGone, 410),
        (errors.TooLarge, 413),
        (errors.BuildFailed, 422),
        (errors.EngineUnavailable, 503),
        (errors.StoreUnavailable, 503),
        (errors.Corrupt, 500),
    ],
)
def test_each_error_has_its_status(error, status):
    assert api_errors.answer(connection(), error("message")).status_code == status


def test_text_is_message_and_hint_on_a_line_each():
    answer = api_errors.answer(connection("*/*"), errors.Refused("app is currently updating", hint="use --force"))
    assert answer.body == b"app is currently updating\nuse --force\n"
    assert answer.headers["content-type"].startswith("text/plain")


def test_text_never_holds_a_percent_sign_or_a_control_character():
    answer = api_errors.answer(connection(), errors.InvalidInput("min: 100% of \x1b[31mit"))
    assert answer.body == b"min: 100 percent of ?[31mit\n"


@pytest.mark.parametrize("accept", ["application/json", "text/html, application/json;q=0.5", "Application/JSON"])
def test_json_goes_to_who_lists_it(accept):
    answer = api_errors.answer(connection(accept), errors.Conflict("app is locked: a", hint="unlock it"))
    assert answer.body == (b'{\n  "error": "app is locked: a",\n  "code": "conflict",\n  "hint": "unlock it"\n}\n')


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/plain", "application/json-seq", ""])
def test_json_goes_to_nobody_else(accept):
    assert not api_errors.accepts_json(connection(accept))


def test_what_may_be_tried_again_says_when():
    assert api_errors.answer(connection(), errors.EngineUnavailable("docker")).headers["retry-after"] == "1"


async def test_unknown_route_is_an_empty_404(still_client):
    for method, path in [
        ("GET", "/nowhere"),
        ("GET", "/apps/shop/cost"),
        ("POST", "/apps/shop/budget"),
        ("PUT", "/apps/shop/configs/cli-env-mask"),
        ("GET", "/apps/"),
        ("GET", "/docs"),
        ("GET", "/redoc"),
        ("DELETE", "/system"),
    ]:
        answer = await still_client.request(method, path)
        assert (answer.status_code, answer.content) == (404, b""), f"{method} {path}"


async def test_what_nobody_foresaw_is_a_fixed_sentence_and_a_line_in_the_log(still, caplog):
    app = application(still.rack)

    @app.get("/fails")
    async def fails() -> None:
        raise ZeroDivisionError("with a secret")

    async with client_of(app) as client:
        answer = await client.get("/fails")
    assert (answer.status_code, answer.text.splitlines()[0]) == (500, "internal error")
    assert "secret" not in answer.text
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.request_id == answer.headers["request-id"]


@pytest.mark.parametrize("error", [errors.Corrupt("release R1: damaged"), SternwayError("odd")])
async def test_fault_of_the_rack_is_not_told_to_callers(still, caplog, error):
    app = application(still.rack)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    async with client_of(app) as client:
        answer = await client.get("/fails", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "request failed" in caplog.text
