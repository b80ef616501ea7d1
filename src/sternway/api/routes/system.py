"""Routes of the rack itself, and those that clients only probe."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from sternway.api import answers
from sternway.api.forms import Form, Pairs, Truth, describe, form
from sternway.api.inputs import AppName, MadeIn, RackIn
from sternway.core.errors import NotFound
from sternway.ops import apps, processes, system

router = APIRouter(tags=["system"])


class StopOrder(Form):
    """`all` takes the apps and the router down as well; without it they go on serving."""

    all: Truth = False


class EventReport(Form):
    """What build containers of other racks report; here the ledger knows by itself."""

    action: str = ""
    data: Pairs | None = None
    error: str = ""
    status: str = ""


@router.get("/check", response_class=PlainTextResponse)
async def check() -> Response:
    """Tell that the rack answers; needs no password."""
    return PlainTextResponse("ok")


@router.get("/auth", response_class=PlainTextResponse)
async def authenticate() -> Response:
    """Tell that the password is right."""
    return answers.ok()


@router.get("/racks")
async def list_racks() -> Response:
    """Answer the probe that some clients send before they open a WebSocket."""
    return answers.json_response([])


@router.get("/machines")
async def list_machines() -> Response:
    """Answer the probe that other clients send."""
    return answers.json_response([])


@router.get("/system")
async def get_system(rack: RackIn) -> Response:
    """Return the rack."""
    return answers.json_response(answers.system(await system.describe(rack)))


@router.get("/system/releases")
async def list_versions(rack: RackIn) -> Response:
    """List the versions of the rack that were active, the newest first."""
    return answers.json_response([answers.version_line(line) for line in await system.versions(rack)])


@router.get("/system/processes")
async def list_system_processes(rack: RackIn, all: str = "") -> Response:
    """List what runs beside the apps, which is nothing; with `all=true` what the apps run."""
    if all != "true":
        return answers.json_response([])
    names = [view.app.name for view in await apps.list_all(rack)]
    found = [answers.process(view) for name in names for view in await processes.list_running(rack, name)]
    return answers.json_response(found)


@router.post("/system/stop", openapi_extra=describe(StopOrder), response_class=PlainTextResponse)
async def stop_system(rack: RackIn, made: MadeIn, order: Annotated[StopOrder, form(StopOrder)]) -> Response:
    """Take the rack down (Sternway's own); the answer still goes out."""
    await system.request_stop(rack, made, with_apps=order.all)
    return answers.ok()


@router.post("/events", openapi_extra=describe(EventReport), response_class=PlainTextResponse)
async def send_event(report: Annotated[EventReport, form(EventReport)]) -> Response:
    """Accept a report and leave it: history holds only what the rack itself did."""
    return answers.ok()


@router.get("/apps/{app}/budget", tags=["apps"])
async def get_budget(rack: RackIn, app: AppName) -> Response:
    """Say that the app has no budget, which keeps clients quiet."""
    await apps.get(rack, app)
    return answers.json_response({"config": None, "state": None})


@router.get("/apps/{app}/configs/{name}", tags=["apps"])
async def get_config(rack: RackIn, app: AppName, name: str) -> Response:
    """Say that the app has no such configuration file."""
    await apps.get(rack, app)
    raise NotFound(f"app config not found: {name}")
