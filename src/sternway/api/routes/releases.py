"""Routes of releases: make one, look at them, promote them, roll back to them."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from sternway.api import answers
from sternway.api.errors import accepts_json
from sternway.api.forms import Form, Number, Truth, describe, form
from sternway.api.inputs import AppName, Limit, MadeIn, RackIn, ReleaseId, ReleaseIn
from sternway.core.promotion import DEFAULT_TIMEOUT_S, PromotionOptions
from sternway.core.release import Part
from sternway.ops import artifacts, commands, promotions, releases
from sternway.ops.promotions import Back
from sternway.ops.releases import DEFAULT_LIMIT, ReleaseRequest

TIMEOUT_MAX_S = 7 * 24 * 3600

router = APIRouter(tags=["releases"])


class ReleaseCreation(Form):
    """What is left out comes from the newest release, or from `parent-release`; an empty `env` is one."""

    build: str | None = None
    description: str | None = None
    env: Annotated[str | None, Field(description="KEY=VALUE lines")] = None
    parent_release: str | None = None


class PromotionOrder(Form):
    """How to roll out. `development` and `idle` belong to the contract and change nothing here."""

    development: Truth = False
    force: Annotated[Truth, Field(description="supersede a promotion that runs")] = False
    idle: Truth = False
    min: Number | None = None
    max: Number | None = None
    run_rollback_commands: Annotated[
        Truth, Field(description="going back, undo with their own commands what newer releases did")
    ] = False
    timeout: Annotated[Number, Field(le=TIMEOUT_MAX_S, description="seconds for the whole rollout")] = DEFAULT_TIMEOUT_S

    def options(self) -> PromotionOptions:
        """Return it in the words of the core."""
        return PromotionOptions(
            self.force,
            self.timeout,
            minimum_percent=self.min,
            maximum_percent=self.max,
            run_rollback_commands=self.run_rollback_commands,
        )


class RollbackOrder(PromotionOrder):
    """How to go back: as a whole, or one part only."""

    only: Annotated[Part | None, Field(description="env or build: the other half stays as it is")] = None
    settings: Annotated[Truth, Field(description="bring back scale, parameters and lock too")] = False


@router.post("/apps/{app}/releases", openapi_extra=describe(ReleaseCreation))
async def create_release(
    rack: RackIn, made: MadeIn, app: AppName, wanted: Annotated[ReleaseCreation, form(ReleaseCreation)]
) -> Response:
    """Make a release; it is not promoted."""
    request = ReleaseRequest(
        build_id=wanted.build or None,
        env_text=wanted.env,
        description=wanted.description,
        parent_id=wanted.parent_release or None,
    )
    return answers.json_response(answers.release(await releases.create(rack, app, request, made), app))


@router.get("/apps/{app}/releases")
async def list_releases(rack: RackIn, app: AppName, limit: Limit = DEFAULT_LIMIT) -> Response:
    """List releases, the newest first, without environment and manifest."""
    lines, gone = await releases.list_with_gone(rack, app, limit)
    return answers.json_response([answers.release_line(line, app, gone=line.build_id in gone) for line in lines])


@router.get("/apps/{app}/releases/{release}")
async def get_release(rack: RackIn, app: AppName, release: ReleaseId) -> Response:
    """Return one release."""
    found = await releases.get(rack, app, release)
    gone = found.build_id and await artifacts.gone(rack, app, {found.build_id})
    return answers.json_response(answers.release(found, app, gone=bool(gone)))


@router.post("/apps/{app}/releases/{release}/promote", openapi_extra=describe(PromotionOrder))
async def promote_release(
    request: Request, rack: RackIn, made: MadeIn, to: ReleaseIn, order: Annotated[PromotionOrder, form(PromotionOrder)]
) -> Response:
    """Begin to make a release active, and answer at once: `ok`, or the promotion to whoever accepts JSON."""
    promotion = await promotions.promote(rack, to.app, to.release, order.options(), made)
    return answers.json_response(answers.promotion(promotion, to.app)) if accepts_json(request) else answers.ok()


@router.post("/apps/{app}/releases/{release}/rollback", openapi_extra=describe(RollbackOrder))
async def rollback_release(
    rack: RackIn, made: MadeIn, to: ReleaseIn, order: Annotated[RollbackOrder, form(RollbackOrder)]
) -> Response:
    """Copy a release and begin to make the copy active, both or neither; answer the copy (Sternway's own)."""
    back = Back(to.release, order.only, order.settings)
    copy, _ = await promotions.go_back(rack, to.app, back, order.options(), made)
    return answers.json_response(answers.release(copy, to.app))


@router.get("/apps/{app}/releases/{release}/commands")
async def list_commands(rack: RackIn, app: AppName, release: ReleaseId) -> Response:
    """List the release commands that promotions of a release ran, with what they printed (Sternway's own)."""
    return answers.json_response([answers.command_run(view) for view in await commands.list_runs(rack, app, release)])
