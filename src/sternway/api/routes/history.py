"""Routes of going back, which are Sternway's own: what was active when, what differs, what a rollback would do."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from sternway.api import answers, retrospect
from sternway.api.forms import Form, describe, form
from sternway.api.inputs import AppName, Limit, MadeIn, RackIn, ReleaseIn, check_id
from sternway.core.release import Part
from sternway.ops import comparison, history, preview, restoration
from sternway.ops.comparison import Pair
from sternway.ops.history import DEFAULT_LIMIT
from sternway.ops.promotions import Back

router = APIRouter(tags=["history"])

Named = Annotated[str, Query(max_length=128)]


class Revelation(Form):
    """Which releases are compared; empty are the active one (`b`) and the one before it (`a`)."""

    a: str = ""
    b: str = ""


@router.get("/history")
async def list_rack_history(rack: RackIn, limit: Limit = DEFAULT_LIMIT) -> Response:
    """List what was done to the rack, the newest first."""
    return answers.json_response([retrospect.entry(each) for each in await history.of_rack(rack, limit)])


@router.get("/apps/{app}/history")
async def list_history(rack: RackIn, app: AppName, limit: Limit = DEFAULT_LIMIT) -> Response:
    """List what was active when, by whom and why, the newest first, with what else was changed."""
    return answers.json_response([retrospect.entry(each) for each in await history.of_app(rack, app, limit)])


@router.get("/apps/{app}/history/point")
async def get_point(
    rack: RackIn, app: AppName, to: Annotated[str, Query(description="previous, or a time with its zone")]
) -> Response:
    """Return the release that was active at a point in time."""
    return answers.json_response(retrospect.point(await history.point(rack, app, to)))


@router.get("/apps/{app}/diff")
async def get_diff(rack: RackIn, app: AppName, a: Named = "", b: Named = "") -> Response:
    """Return what differs from release `a` to `b`, without the values of variables."""
    found = await comparison.compare(rack, app, _pair(a, b))
    return answers.json_response(retrospect.comparison(found))


@router.post("/apps/{app}/diff", openapi_extra=describe(Revelation))
async def reveal_diff(
    rack: RackIn, made: MadeIn, app: AppName, wanted: Annotated[Revelation, form(Revelation)]
) -> Response:
    """Return what differs with the values of variables, and put on record who saw them."""
    found = await comparison.reveal(rack, app, _pair(wanted.a, wanted.b), made)
    return answers.json_response(retrospect.comparison(found))


@router.get("/apps/{app}/releases/{release}/preview")
async def get_preview(
    rack: RackIn, made: MadeIn, to: ReleaseIn, only: Part | None = None, settings: bool = False
) -> Response:
    """Return what a rollback to a release would do, and change nothing."""
    found = await preview.preview(rack, to.app, Back(to.release, only, settings), made)
    return answers.json_response(retrospect.preview(found))


@router.post("/apps/{app}/restore", openapi_extra=describe(Form))
async def restore_app(rack: RackIn, made: MadeIn, app: AppName) -> Response:
    """Bring back an app that was deleted, with its history, its volumes and its active release."""
    return answers.json_response(retrospect.restored(await restoration.restore(rack, app, made)))


def _pair(before: str, after: str) -> Pair:
    return Pair(check_id("release", before) if before else None, check_id("release", after) if after else None)
