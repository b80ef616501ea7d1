import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from sternway.ops import releases
from sternway.wire import routes
from tests.api.server import PASSWORD, application, serving

EXAMPLES = 8


async def test_description_is_served_and_loads_nothing_from_elsewhere(still_client):
    description = (await still_client.get("/openapi.json")).json()
    assert description["info"]["title"] == "Sternway"
    assert (await still_client.get("/docs")).status_code == 404


def test_description_has_the_fields_of_forms(still):
    operation = application(still.rack).openapi()["paths"]["/apps/{app}/releases/{release}/promote"]["post"]
    form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    asked = {"development", "force", "idle", "min", "max", "timeout", "reason", "run-rollback-commands"}
    assert set(form["properties"]) == asked
    assert [parameter["name"] for parameter in operation["parameters"]] == ["app", "release"]


def test_description_promises_no_422(still):
    text = str(application(still.rack).openapi())
    assert "'422'" not in text
    assert "HTTPValidationError" not in text


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (routes.APPS, {"get", "post"}),
        (routes.app("{app}"), {"get", "put", "delete"}),
        (routes.builds("{app}"), {"get", "post"}),
        (routes.build("{app}", "{build}"), {"get", "delete"}),
        (routes.releases("{app}"), {"get", "post"}),
        (routes.release("{app}", "{release}"), {"get"}),
        (routes.promote("{app}", "{release}"), {"post"}),
        (routes.rollback("{app}", "{release}"), {"post"}),
        (routes.promotions("{app}"), {"get"}),
        (f"{routes.promotions('{app}')}/{{promotion}}", {"get"}),
        (routes.processes("{app}"), {"get"}),
        (routes.process("{app}", "{process}"), {"get", "delete"}),
        (routes.files("{app}", "{process}"), {"get", "post", "delete"}),
        (routes.run("{app}", "{service}"), {"post"}),
        (routes.services("{app}"), {"get"}),
        (routes.objects("{app}", "{key}"), {"get", "post", "head"}),
        (routes.REGISTRIES, {"get", "post", "delete"}),
        (routes.registry("{server}"), {"delete"}),
        (routes.SYSTEM, {"get", "put"}),
    ],
)
def test_paths_that_clients_build_are_there(still, path, methods):
    plain = path.replace("%7B", "{").replace("%7D", "}")
    assert set(application(still.rack).openapi()["paths"][plain]) == methods


@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("ignore")
async def test_no_call_is_answered_with_500(running, caplog):
    """Calls are made by the description of the API, half of them at things that are there."""
    await running.app()
    release = await running.deployed()
    build = (await releases.get(running.rack, "shop", release)).build_id
    there = {"app": "shop", "release": release, "build": build, "service": "web", "process": "web", "promotion": 1}
    app = application(running.rack)
    async with serving(app) as address:
        found = await asyncio.to_thread(_statuses, app.openapi(), f"http://{address}", there)
    assert [call for call in found if call[0] == 500] == [], caplog.text
    assert {200, 400, 404} <= {status for status, _ in found}


def _statuses(description: dict[str, Any], url: str, there: dict[str, Any]) -> list[tuple[int, str]]:
    schema = schemathesis.openapi.from_dict(description)
    found: list[tuple[int, str]] = []
    for operation in schema.get_all_operations():
        assert isinstance(operation, Ok)
        _call(operation.ok(), url, there, found)
    return found


def _call(operation: Any, url: str, there: dict[str, Any], found: list[tuple[int, str]]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), is_there=st.booleans())
    def calls(case: Any, is_there: bool) -> None:
        if is_there:
            case.path_parameters = {
                **case.path_parameters,
                **{k: v for k, v in there.items() if k in case.path_parameters},
            }
        case.query = {k: v for k, v in (case.query or {}).items() if k != "wait"}
        answer = case.call(base_url=url, auth=("convox", PASSWORD), timeout=10)
        found.append((answer.status_code, f"{operation.method} {case.formatted_path} {case.body!r}"))

    calls()
