"""Routes of promotions, which are Sternway's own: the history of an app, and watching one attempt."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from sternway.api import answers
from sternway.api.inputs import AppName, Limit, PromotionId, RackIn
from sternway.ops import promotions
from sternway.ops.promotions import MAX_WAIT_S
from sternway.ops.releases import DEFAULT_LIMIT

router = APIRouter(tags=["promotions"])

Wait = Annotated[
    float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="seconds to wait for something new")
]
After = Annotated[int, Query(ge=0, le=2**31, description="how many steps are known already")]


@router.get("/apps/{app}/promotions")
async def list_promotions(rack: RackIn, app: AppName, limit: Limit = DEFAULT_LIMIT) -> Response:
    """List attempts, the newest first, without their steps."""
    found = await promotions.list_newest(rack, app, limit)
    return answers.json_response([answers.promotion(item, app) for item in found])


@router.get("/apps/{app}/promotions/{promotion}")
async def get_promotion(
    rack: RackIn, app: AppName, promotion: PromotionId, wait: Wait = 0.0, after: After = 0
) -> Response:
    """Return one attempt with all its steps.

    With `wait`, answer once it has more than `after` steps or has ended, and at the latest when the time is up.
    """
    view = await promotions.wait(rack, app, promotion, after=after, timeout_s=wait)
    return answers.json_response(answers.promotion(view.promotion, app, view.steps))
