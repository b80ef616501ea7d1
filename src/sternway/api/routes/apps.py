"""Routes of apps."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from sternway.api import answers
from sternway.api.forms import Form, Number, Pairs, Truth, describe, form
from sternway.api.inputs import AppName, MadeIn, PrincipalIn, RackIn
from sternway.ops import apps, promotions

router = APIRouter(tags=["apps"])


class AppCreation(Form):
    """`generation` and `timeout` belong to the contract and change nothing here."""

    name: str
    generation: str | None = None
    timeout: Number | None = None


class AppChange(Form):
    """What is left out stays; parameters are merged."""

    lock: Truth | None = None
    parameters: Annotated[Pairs | None, Field(description="name=value pairs, urlencoded")] = None


@router.get("/apps")
async def list_apps(rack: RackIn, principal: PrincipalIn) -> Response:
    """List all apps by name; whoever is bounded to some sees those."""
    views = [view for view in await apps.list_all(rack) if principal.sees(view.app.name)]
    return answers.json_response([answers.app(view, rack.settings) for view in views])


@router.post("/apps", openapi_extra=describe(AppCreation))
async def create_app(rack: RackIn, made: MadeIn, wanted: Annotated[AppCreation, form(AppCreation)]) -> Response:
    """Make an empty app."""
    return answers.json_response(answers.app(await apps.create(rack, wanted.name, made), rack.settings))


@router.get("/apps/{app}")
async def get_app(rack: RackIn, app: AppName) -> Response:
    """Return one app."""
    return answers.json_response(answers.app(await apps.get(rack, app), rack.settings))


@router.put("/apps/{app}", openapi_extra=describe(AppChange))
async def update_app(
    rack: RackIn, made: MadeIn, app: AppName, change: Annotated[AppChange, form(AppChange)]
) -> Response:
    """Lock or unlock an app, and set its parameters."""
    await apps.update(rack, app, made, lock=change.lock, parameters=change.parameters)
    return answers.ok()


@router.delete("/apps/{app}")
async def delete_app(rack: RackIn, made: MadeIn, app: AppName) -> Response:
    """Delete an app; what it ran is taken down afterwards."""
    await apps.delete(rack, app, made)
    return answers.ok()


@router.post("/apps/{app}/cancel")
async def cancel_app(rack: RackIn, made: MadeIn, app: AppName) -> Response:
    """Stop the promotion that runs and go back to what was active before."""
    await promotions.cancel(rack, app, made)
    return answers.ok()
