"""Routes of deploy tokens (Sternway's own). A token is answered once, where it is made."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from sternway.api import answers, durations
from sternway.api.forms import describe, form
from sternway.api.inputs import MadeIn, RackIn
from sternway.api.routes.users import Permission
from sternway.ops.access import tokens
from sternway.ops.access.tokens import TokenWish

router = APIRouter(tags=["tokens"])

TokenName = Annotated[str, Path(max_length=100)]


class TokenOrder(Permission):
    """The role is rw where none is given. Without a name it is called by its id."""

    role: str = "rw"
    name: str = ""
    expires: Annotated[str, Field(description="for how long it is good; for ever where it is left out")] = ""

    def wish(self) -> TokenWish:
        """Return what is wanted; raises InvalidInput."""
        lasts = durations.parse(self.expires, "expires") if self.expires else None
        return TokenWish(self.grant(), self.name, lasts)


@router.get("/tokens")
async def list_tokens(rack: RackIn) -> Response:
    """List the tokens that were not revoked, by name."""
    now = rack.clock.now()
    return answers.json_response([answers.token(token, now) for token in await tokens.list_all(rack)])


@router.post("/tokens", openapi_extra=describe(TokenOrder))
async def create_token(rack: RackIn, made: MadeIn, order: Annotated[TokenOrder, form(TokenOrder)]) -> Response:
    """Make a token, and answer it this once."""
    token, text = await tokens.create(rack, order.wish(), made)
    return answers.json_response(answers.token(token, rack.clock.now(), text))


@router.delete("/tokens/{token}", response_class=PlainTextResponse)
async def revoke_token(rack: RackIn, made: MadeIn, token: TokenName) -> Response:
    """Revoke a token, by its name or id; what it has open ends."""
    await tokens.revoke(rack, token, made)
    return answers.ok()
