"""Routes of users (Sternway's own): those of the rack, for admins, and what everybody may do about themselves."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sternway.api import answers
from sternway.api.authentication import address_of
from sternway.api.forms import Form, Words, describe, form
from sternway.api.inputs import MadeIn, PrincipalIn, RackIn
from sternway.core.access import Grant, read_role
from sternway.ops import access
from sternway.ops.access import users
from sternway.ops.rack import Rack

router = APIRouter(tags=["users"])

UserName = Annotated[str, Path(max_length=100)]


class Permission(Form):
    """The role is r, rw or rwa. Without apps it is for all of them and the rack itself."""

    role: str = "r"
    apps: Words = ()

    def grant(self) -> Grant:
        """Return what is to be allowed; raises InvalidInput."""
        return Grant(read_role(self.role), frozenset(self.apps) if self.apps else None)


class UserAddition(Permission):
    """A new user."""

    name: str


class PasswordChange(Form):
    """The old password, and the new one."""

    old: str
    new: str


class Acceptance(Form):
    """An invitation, and the password that its user chose."""

    invitation: str
    password: str


@router.get("/users")
async def list_users(rack: RackIn) -> Response:
    """List the users by name."""
    now = rack.clock.now()
    return answers.json_response([answers.user(user, now) for user in await users.list_all(rack)])


@router.post("/users", openapi_extra=describe(UserAddition))
async def add_user(rack: RackIn, made: MadeIn, wanted: Annotated[UserAddition, form(UserAddition)]) -> Response:
    """Add a user, and answer the invitation, this once."""
    invitation = await users.add(rack, wanted.name, wanted.grant(), made)
    return await _invited(rack, wanted.name, invitation)


@router.put("/users/{user}", openapi_extra=describe(Permission))
async def change_user(
    rack: RackIn, made: MadeIn, user: UserName, wanted: Annotated[Permission, form(Permission)]
) -> Response:
    """Set what a user may do from now on, as a whole."""
    changed = await users.allow(rack, user, wanted.grant(), made)
    return answers.json_response(answers.user(changed, rack.clock.now()))


@router.delete("/users/{user}", response_class=PlainTextResponse)
async def remove_user(rack: RackIn, made: MadeIn, user: UserName) -> Response:
    """Remove a user; what they have open ends."""
    await users.remove(rack, user, made)
    return answers.ok()


@router.post("/users/{user}/invitation")
async def invite_user(rack: RackIn, made: MadeIn, user: UserName) -> Response:
    """Make another invitation, for a user who lost the password or the first one, and answer it this once."""
    return await _invited(rack, user, await access.invite(rack, user, made))


@router.post("/invitations/accept", openapi_extra=describe(Acceptance))
async def accept_invitation(rack: RackIn, accepted: Annotated[Acceptance, form(Acceptance)]) -> Response:
    """Choose a password with an invitation, which is all that it takes, and answer who one is."""
    principal = await access.accept_invitation(rack, accepted.invitation, accepted.password)
    return answers.json_response(answers.principal(principal))


@router.get("/who")
async def who(principal: PrincipalIn) -> Response:
    """Tell the caller who they are, and what they may do."""
    return answers.json_response(answers.principal(principal))


@router.put("/who/password", openapi_extra=describe(PasswordChange), response_class=PlainTextResponse)
async def change_password(
    rack: RackIn,
    principal: PrincipalIn,
    made: MadeIn,
    request: Request,
    change: Annotated[PasswordChange, form(PasswordChange)],
) -> Response:
    """Change the password of the user who calls."""
    passwords = (change.old, change.new)
    await users.change_password(rack, principal.name, passwords, made, address_of(request))
    return answers.ok()


async def _invited(rack: Rack, name: str, invitation: str) -> Response:
    user = await users.get(rack, name)
    return answers.json_response(answers.user(user, rack.clock.now(), invitation))
