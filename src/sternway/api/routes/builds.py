"""Routes of builds."""

from typing import Annotated

from fastapi import APIRouter, WebSocket
from pydantic import Field
from starlette.responses import Response

from sternway.api import answers, streams
from sternway.api.forms import Form, Truth, Words, describe, form
from sternway.api.inputs import AppName, BuildId, Limit, MadeIn, RackIn, rack_of
from sternway.core.errors import InvalidInput
from sternway.core.release import BuildOptions
from sternway.ops import builds
from sternway.ops.releases import DEFAULT_LIMIT

DEFAULT_MANIFEST = "convox.yml"

router = APIRouter(tags=["builds"])


class BuildOrder(Form):
    """What to build, and how. `wildcard-domain` belongs to the contract and changes nothing here."""

    url: Annotated[str, Field(description="the address that storing the archive answered")] = ""
    build_args: Words = ()
    description: str = ""
    development: Truth = False
    external: Truth = False
    git_sha: str = ""
    manifest: str = ""
    no_cache: Truth = False
    wildcard_domain: Truth = False


@router.post("/apps/{app}/builds", openapi_extra=describe(BuildOrder))
async def create_build(
    rack: RackIn, made: MadeIn, app: AppName, order: Annotated[BuildOrder, form(BuildOrder)]
) -> Response:
    """Order a build of an uploaded archive; it runs afterwards."""
    build = await builds.create(rack, app, _options(app, order), order.description, made)
    return answers.json_response(answers.build(build, app))


@router.get("/apps/{app}/builds")
async def list_builds(rack: RackIn, app: AppName, limit: Limit = DEFAULT_LIMIT) -> Response:
    """List builds, the newest first."""
    return answers.json_response([answers.build(item, app) for item in await builds.list_newest(rack, app, limit)])


@router.get("/apps/{app}/builds/{build}")
async def get_build(rack: RackIn, app: AppName, build: BuildId) -> Response:
    """Return one build."""
    return answers.json_response(answers.build(await builds.get(rack, app, build), app))


@router.delete("/apps/{app}/builds/{build}")
async def cancel_build(rack: RackIn, made: MadeIn, app: AppName, build: BuildId) -> Response:
    """Have a build end that waits or runs (Sternway's own)."""
    return answers.json_response(answers.build(await builds.cancel(rack, app, build, made), app))


@router.websocket("/apps/{app}/builds/{build}/logs")
async def follow_build(websocket: WebSocket, app: AppName, build: BuildId) -> None:
    """Stream what a build prints, from its beginning to its end."""
    await streams.serve(websocket, builds.log(rack_of(websocket), app, build))


def _options(app: str, order: BuildOrder) -> BuildOptions:
    if order.external:
        raise InvalidInput("external: builds on the client are not supported", hint="build in the rack")
    return BuildOptions(
        source=builds.source_key(app, order.url),
        manifest_path=order.manifest or DEFAULT_MANIFEST,
        arguments=order.build_args,
        git_sha=order.git_sha,
        use_cache=not order.no_cache,
        is_development=order.development,
    )
