"""Signing in and out."""

from http import HTTPStatus
from math import ceil

from starlette.requests import Request
from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core.errors import Unauthenticated


async def ask(request: Request) -> Response:
    """Show the form."""
    return _form(request, visit.visitor_of(request), "", HTTPStatus.OK)


async def sign_in(request: Request) -> Response:
    """Begin a session, or say why not; whoever fails too often has to wait."""
    console, visitor = visit.console_of(request), visit.visitor_of(request)
    form = await visit.read_form(request)
    visit.check_form(request, form, visit.token_for(console, visitor[0], ""))
    address = request.client.host if request.client else ""
    if wait_s := console.attempts.wait_s(address):
        answer = _form(request, visitor, texts.TOO_OFTEN.format(seconds=ceil(wait_s)), HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["Retry-After"] = str(ceil(wait_s))
        return answer
    try:
        token = await console.sessions.begin(form.get("name", ""), form.get("password", ""))
    except Unauthenticated:
        console.attempts.fail(address)
        return _form(request, visitor, texts.WRONG_PASSWORD, HTTPStatus.UNAUTHORIZED)
    console.attempts.succeed(address)
    response = visit.to_address(_own(form.get("next", "")))
    visit.keep_cookie(request, response, visit.SESSION_COOKIE, token)
    return response


async def sign_out(seen: Visit) -> Response:
    """End this session."""
    await seen.console.sessions.end(seen.request.cookies.get(visit.SESSION_COOKIE, ""))
    response = visit.to("sign-in")
    response.delete_cookie(visit.SESSION_COOKIE, path=visit.PREFIX)
    return response


def _form(request: Request, visitor: tuple[str, bool], problem: str, status: HTTPStatus) -> Response:
    console = visit.console_of(request)
    values = {
        "rack_name": console.rack.settings.name,
        "form_token": visit.token_for(console, visitor[0], ""),
        "next": _own(request.query_params.get("next", "")),
        "problem": problem,
        "has_password": console.has_password,
    }
    response = console.pages.answer("sign_in.html", values, status=status)
    visit.keep_cookie(request, response, visit.FORM_COOKIE, visitor[0])
    return response


def _own(address: str) -> str:
    """Return the address if it is a page of this console, else the first page."""
    is_own = address == visit.PREFIX or address.startswith(visit.PREFIX + "/")
    return address if is_own and address.isprintable() and "\\" not in address else visit.PREFIX
