"""What routes take in: the rack, who calls, and names in paths.

A name that nothing can be called by is answered as something that is not there, and never reaches the store.

What routes depend on is `async` though it waits for nothing: FastAPI would run each in a thread, at every request.
"""

import functools
import re
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Query
from pydantic import AfterValidator
from starlette.requests import HTTPConnection

from sternway.api import headers
from sternway.api.forms import Fields
from sternway.core.access import Principal
from sternway.core.app import Made
from sternway.core.errors import NotFound
from sternway.core.names import is_name
from sternway.ops.rack import Rack
from sternway.ops.releases import DEFAULT_LIMIT, MAX_LIMIT

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def rack_of(connection: HTTPConnection) -> Rack:
    """Return the rack that this application serves."""
    return cast(Rack, connection.app.state.rack)


async def _rack(connection: HTTPConnection) -> Rack:
    return rack_of(connection)


async def made(connection: HTTPConnection, fields: Fields) -> Made:
    """Return who does it, when and why: the field `reason`, or the header where a request has no form."""
    return _made_because(connection, fields.get("reason", "") or headers.text_of(connection.headers, headers.REASON))


async def made_outright(connection: HTTPConnection) -> Made:
    """Return the same of a request whose body is no form, or that has none; it is not read."""
    return _made_because(connection, headers.text_of(connection.headers, headers.REASON))


def _made_because(connection: HTTPConnection, reason: str) -> Made:
    return Made(rack_of(connection).clock.now(), by=headers.actor(connection), reason=headers.clean(reason))


async def _principal(connection: HTTPConnection) -> Principal:
    return cast(Principal, connection.scope["state"]["principal"])


def _app_name(name: str) -> str:
    if not is_name(name):
        raise NotFound(f"app not found: {name}", hint="sternway apps")
    return name


def check_id(kind: str, text: str) -> str:
    """Return an id; raises NotFound for text that cannot be one."""
    if not _ID.fullmatch(text):
        raise NotFound(f"{kind} not found: {text}")
    return text


def _id(kind: str) -> AfterValidator:
    return AfterValidator(functools.partial(check_id, kind))


PrincipalIn = Annotated[Principal, Depends(_principal)]
"""Who calls, as the gate found."""
RackIn = Annotated[Rack, Depends(_rack)]
MadeIn = Annotated[Made, Depends(made)]
MadeOutright = Annotated[Made, Depends(made_outright)]
AppName = Annotated[str, Path(), AfterValidator(_app_name)]
BuildId = Annotated[str, Path(), _id("build")]
ReleaseId = Annotated[str, Path(), _id("release")]
ProcessId = Annotated[str, Path(), _id("process")]
ServiceName = Annotated[str, Path(), _id("service")]
PromotionId = Annotated[int, Path(ge=1, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description=f"at most so many, {DEFAULT_LIMIT} by default")]


@dataclass(frozen=True, slots=True)
class ReleaseAddress:
    """Which release of which app."""

    app: str
    release: str


async def _release_address(app: AppName, release: ReleaseId) -> ReleaseAddress:
    return ReleaseAddress(app, release)


ReleaseIn = Annotated[ReleaseAddress, Depends(_release_address)]
