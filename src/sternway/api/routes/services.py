"""Routes of services."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from sternway.api import answers
from sternway.api.forms import Form, Number, describe, form
from sternway.api.inputs import AppName, MadeIn, RackIn, ServiceName
from sternway.core.errors import InvalidInput
from sternway.ops import processes

router = APIRouter(tags=["services"])


class ServiceChange(Form):
    """Only `count` can be changed from outside; the rest stands in the manifest, and so in each release."""

    count: Number | None = None
    cpu: Number | None = None
    memory: Number | None = None
    gpu: Number | None = None
    min: Number | None = None
    max: Number | None = None


@router.get("/apps/{app}/services")
async def list_services(rack: RackIn, app: AppName) -> Response:
    """List the services of the active release."""
    views = await processes.services(rack, app)
    return answers.json_response([answers.service(view, rack.settings) for view in views])


@router.put("/apps/{app}/services/{service}", openapi_extra=describe(ServiceChange))
async def update_service(
    rack: RackIn,
    made: MadeIn,
    app: AppName,
    service: ServiceName,
    change: Annotated[ServiceChange, form(ServiceChange)],
) -> Response:
    """Set how many processes a service has."""
    await processes.scale(rack, app, service, _count(change), made)
    return answers.ok()


@router.post("/apps/{app}/services/{service}/restart")
async def restart_service(rack: RackIn, made: MadeIn, app: AppName, service: ServiceName) -> Response:
    """Restart the processes of a service."""
    await processes.restart(rack, app, service, made)
    return answers.ok()


def _count(change: ServiceChange) -> int:
    fixed = sorted(change.model_fields_set - {"count", "reason"})
    if fixed:
        raise InvalidInput(f"{fixed[0]}: cannot be set here", hint="set it under `scale` in convox.yml and deploy")
    if change.count is None:
        raise InvalidInput("count: missing", hint="give a number of processes")
    return change.count
