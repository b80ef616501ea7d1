"""Routes of the rack itself, and those that clients only probe."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from sternway.api import answers
from sternway.api.forms import Form, Number, Pairs, Truth, describe, form
from sternway.api.inputs import AppName, MadeIn, PrincipalIn, RackIn
from sternway.core.access import Role
from sternway.core.errors import InvalidInput, NotFound, Unsupported
from sternway.ops import apps, parameters, processes, system, versions
from sternway.ops.access import jwt
from sternway.ops.examination import Wish

router = APIRouter(tags=["system"])


class StopOrder(Form):
    """`all` takes the apps and the router down as well; without it they go on serving."""

    all: Truth = False


class SystemChange(Form):
    """Parameters are merged. `version` is one, or `previous`, or empty for the newest of the channel.

    `force` takes a yanked version. `accept-export` (Sternway's own): rows that the version cannot hold may be
    taken out into a file.
    """

    accept_export: Truth = False
    count: Number | None = None
    force: Truth = False
    parameters: Annotated[Pairs | None, Field(description="name=value pairs, urlencoded")] = None
    type: str = ""
    version: str | None = None


JWT_ROLES = {"read": Role.VIEWER, "write": Role.OPERATOR, "admin": Role.ADMIN}
"""As the contract words them."""


class JwtOrder(Form):
    """The role is read, write or admin. The capital is the contract's."""

    role: str = "read"
    durationInHour: Number = 1  # noqa: N815


class EventReport(Form):
    """What build containers of other racks report; here the ledger knows by itself."""

    action: str = ""
    data: Pairs | None = None
    error: str = ""
    status: str = ""


async def _wish(
    version: str = "", force: str = "", accept_export: Annotated[str, Query(alias="accept-export")] = ""
) -> Wish:
    return Wish(version, force=force == "true", accept_export=accept_export == "true")


@router.get("/check", response_class=PlainTextResponse)
async def check(rack: RackIn) -> Response:
    """Tell that the rack answers, and as which version; needs no password."""
    return PlainTextResponse("ok", headers={"Sternway-Version": rack.settings.version})


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


@router.put("/system", openapi_extra=describe(SystemChange), response_class=PlainTextResponse)
async def update_system(rack: RackIn, made: MadeIn, change: Annotated[SystemChange, form(SystemChange)]) -> Response:
    """Set parameters of the rack, or have it moved to another version; the move goes on after the answer."""
    if change.count is not None or change.type:
        raise Unsupported("count, type: this rack is the one machine that it runs on", hint="sternway scale")
    if change.version is None:
        await parameters.set(rack, change.parameters or {}, made)
        return answers.ok()
    if change.parameters is not None:
        raise InvalidInput("parameters, version: one of them at a time", hint="set the parameters first")
    wish = Wish(change.version, force=change.force, accept_export=change.accept_export)
    await versions.update(rack, wish, made)
    return answers.ok()


@router.get("/system/update")
async def check_update(rack: RackIn, wish: Annotated[Wish, Depends(_wish)]) -> Response:
    """Tell what can be found out about a move to another version, and move nothing (Sternway's own)."""
    return answers.json_response([answers.check(check) for check in await versions.check(rack, wish)])


@router.get("/system/releases")
async def list_versions(rack: RackIn, all: str = "") -> Response:
    """List the versions of the rack that were active, the newest first; with `all=true` also those only tried."""
    lines = await versions.history(rack, with_attempts=all == "true")
    return answers.json_response([answers.version_line(line) for line in lines])


@router.get("/system/processes")
async def list_system_processes(rack: RackIn, all: str = "") -> Response:
    """List what runs beside the apps, the rack itself and its router; with `all=true` what the apps run as well."""
    found = [*await system.processes(rack)]
    for view in await apps.list_all(rack) if all == "true" else ():
        found += await processes.list_measured(rack, view.app.name)
    return answers.json_response([answers.process(view) for view in found])


@router.post("/system/stop", openapi_extra=describe(StopOrder), response_class=PlainTextResponse)
async def stop_system(rack: RackIn, made: MadeIn, order: Annotated[StopOrder, form(StopOrder)]) -> Response:
    """Take the rack down (Sternway's own); the answer still goes out."""
    await system.request_stop(rack, made, with_apps=order.all)
    return answers.ok()


@router.post("/system/jwt/token", openapi_extra=describe(JwtOrder))
async def create_jwt(
    rack: RackIn, principal: PrincipalIn, made: MadeIn, order: Annotated[JwtOrder, form(JwtOrder)]
) -> Response:
    """Make a token of the contract, for no more than the caller may do."""
    if order.role not in JWT_ROLES:
        raise InvalidInput("role: there is no such one", hint=f"one of {', '.join(JWT_ROLES)}")
    token = await jwt.issue(rack, principal, JWT_ROLES[order.role], order.durationInHour, made)
    return answers.json_response({"token": token})


@router.put("/system/jwt/rotate", response_class=PlainTextResponse)
async def rotate_jwt_key(rack: RackIn, made: MadeIn) -> Response:
    """Make every token of the contract so far worthless."""
    await jwt.rotate(rack, made)
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
