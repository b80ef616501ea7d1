"""Routes of logins at image registries. Answers never hold a password."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from sternway.api import answers
from sternway.api.forms import Form, describe, form
from sternway.api.inputs import MadeIn, RackIn
from sternway.core.registry import Login
from sternway.ops import registries

router = APIRouter(tags=["registries"])


class RegistryAddition(Form):
    """The server is `HOST` or `HOST:PORT`; its scheme and the usual paths are left off."""

    server: str
    username: str
    password: str


@router.get("/registries")
async def list_registries(rack: RackIn) -> Response:
    """List the logins by server."""
    return answers.json_response([answers.registry(login) for login in await registries.list_all(rack)])


@router.post("/registries", openapi_extra=describe(RegistryAddition))
async def add_registry(
    rack: RackIn, made: MadeIn, wanted: Annotated[RegistryAddition, form(RegistryAddition)]
) -> Response:
    """Keep a login, in place of the one for that server."""
    login = await registries.add(rack, Login(wanted.server, wanted.username, wanted.password), made)
    return answers.json_response(answers.registry(login))


@router.delete("/registries", response_class=PlainTextResponse)
async def remove_named_registry(rack: RackIn, made: MadeIn, server: str) -> Response:
    """Forget a login, the way older clients ask for it."""
    await registries.remove(rack, server, made)
    return answers.ok()


@router.delete("/registries/{server:path}", response_class=PlainTextResponse)
async def remove_registry(rack: RackIn, made: MadeIn, server: str) -> Response:
    """Forget a login."""
    await registries.remove(rack, server, made)
    return answers.ok()
