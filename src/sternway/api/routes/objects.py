"""Routes of objects: uploaded archives and the like."""

import secrets

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from sternway.api import answers
from sternway.api.inputs import AppName, RackIn
from sternway.ops import builds
from sternway.wire import types as wire

STREAM = "application/octet-stream"

router = APIRouter(tags=["objects"])


_UPLOAD = {"requestBody": {"content": {STREAM: {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("/apps/{app}/objects/{key:path}", openapi_extra=_UPLOAD)
async def store_object(rack: RackIn, app: AppName, key: str, request: Request) -> Response:
    """Store the body as it comes. Without a key the rack chooses one."""
    key = key or f"tmp/{secrets.token_hex(15)}"
    return answers.json_response(wire.StoredObject(await builds.store_source(rack, app, key, request.stream())))


@router.get("/apps/{app}/objects/{key:path}")
async def fetch_object(rack: RackIn, app: AppName, key: str) -> Response:
    """Return what was stored."""
    return FileResponse(await builds.find_object(rack, app, key), media_type=STREAM)


@router.head("/apps/{app}/objects/{key:path}")
async def probe_object(rack: RackIn, app: AppName, key: str) -> Response:
    """Tell whether it is there."""
    return await fetch_object(rack, app, key)
