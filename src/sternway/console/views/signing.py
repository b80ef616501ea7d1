"""Signing in and out."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from math import ceil

from starlette.requests import Request
from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which browser asks, where it wants to go then, and what went wrong before."""

    visitor: str
    next: str
    problem: str = ""


async def ask(request: Request) -> Response:
    """Show the form."""
    wanted = request.query_params.get("next", "")
    return _form(request, _Asked(visit.visitor_of(request)[0], wanted), HTTPStatus.OK)


async def sign_in(request: Request) -> Response:
    """Begin a session, or say why not; whoever fails too often has to wait."""
    console, (visitor, _) = visit.console_of(request), visit.visitor_of(request)
    form = await visit.read_form(request)
    visit.check_form(request, form, visit.token_for(console, visitor, ""))
    asked = _Asked(visitor, form.get("next", ""))
    address = request.client.host if request.client else ""
    if wait_s := console.attempts.wait_s(address):
        return _too_often(request, asked, ceil(wait_s))
    try:
        token = await console.sessions.begin(form.get("name", ""), form.get("password", ""))
    except Unauthenticated:
        console.attempts.fail(address)
        return _form(request, replace(asked, problem=texts.WRONG_PASSWORD), HTTPStatus.UNAUTHORIZED)
    console.attempts.succeed(address)
    response = visit.to_address(_own(asked.next))
    visit.keep_cookie(request, response, visit.SESSION_COOKIE, token)
    return response


async def sign_out(seen: Visit) -> Response:
    """End this session."""
    await seen.console.sessions.end(seen.request.cookies.get(visit.SESSION_COOKIE, ""))
    response = visit.to("sign-in")
    response.delete_cookie(visit.SESSION_COOKIE, path=visit.PREFIX)
    return response


def _too_often(request: Request, asked: _Asked, wait_s: int) -> Response:
    problem = texts.TOO_OFTEN.format(seconds=wait_s)
    answer = _form(request, replace(asked, problem=problem), HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["Retry-After"] = str(wait_s)
    return answer


def _form(request: Request, asked: _Asked, status: HTTPStatus) -> Response:
    console = visit.console_of(request)
    values = {
        "rack_name": console.rack.settings.name,
        "form_token": visit.token_for(console, asked.visitor, ""),
        "next": _own(asked.next),
        "problem": asked.problem,
        "has_password": console.has_password,
    }
    response = console.pages.answer("sign_in.html", values, status=status)
    visit.keep_cookie(request, response, visit.FORM_COOKIE, asked.visitor)
    return response


def _own(address: str) -> str:
    """Return the address if it is a page of this console, else the first page."""
    is_own = address == visit.PREFIX or address.startswith(visit.PREFIX + "/")
    return address if is_own and address.isprintable() and "\\" not in address else visit.PREFIX
