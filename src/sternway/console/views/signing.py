"""Signing in and out, accepting an invitation, and what somebody may change of their own."""

import hmac
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Console, Visit
from sternway.core.access import ADMIN, FIRST_ADMIN, Principal
from sternway.core.errors import CallerError, InvalidInput, TooManyAttempts, Unauthenticated, too_many_attempts
from sternway.ops import access
from sternway.ops.access import users


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which browser asks, where it wants to go then, and what went wrong before."""

    visitor: str
    next: str
    name: str = ""
    problem: str = ""


async def ask(request: Request) -> Response:
    """Show the form."""
    wanted = request.query_params.get("next", "")
    return _form(request, _Asked(visit.visitor_of(request), wanted), HTTPStatus.OK)


async def sign_in(request: Request) -> Response:
    """Begin a session, or say why not; whoever fails too often has to wait."""
    console, form = visit.console_of(request), await _checked_form(request)
    asked = _Asked(visit.visitor_of(request), form.get("next", ""), form.get("name", "").strip()[:100])
    try:
        principal = await _caller(console, asked.name, form.get("password", ""), _address(request))
        return await _signed_in(request, principal, _own(asked.next))
    except TooManyAttempts as exc:
        problem = replace(asked, problem=f"{texts.TOO_OFTEN} {exc.hint}")
        answer = _form(request, problem, HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["Retry-After"] = str(exc.after_s)
        return answer
    except Unauthenticated:
        return _form(request, replace(asked, problem=texts.WRONG_PASSWORD), HTTPStatus.UNAUTHORIZED)


async def sign_out(seen: Visit) -> Response:
    """End this session."""
    await access.close_session(seen.rack, seen.request.cookies.get(visit.SESSION_COOKIE, ""))
    return _signed_out()


async def sign_out_everywhere(seen: Visit) -> Response:
    """End every session of this person."""
    await access.close_all(seen.rack, seen.principal.name)
    return _signed_out()


async def welcome(request: Request) -> Response:
    """Show the form in which somebody who was invited chooses a password."""
    return _welcome(request, request.query_params.get("invitation", "")[:200], "", HTTPStatus.OK)


async def accept(request: Request) -> Response:
    """Set the password of whom the invitation names, and sign them in."""
    console, form = visit.console_of(request), await _checked_form(request)
    invitation = form.get("invitation", "")[:200]
    if form.get("password") != form.get("again"):
        return _welcome(request, invitation, texts.PASSWORDS_DIFFER, HTTPStatus.BAD_REQUEST)
    try:
        principal = await access.accept_invitation(console.rack, invitation, form.get("password", ""))
    except CallerError as exc:
        return _welcome(request, invitation, f"{exc.message}. {exc.hint}", HTTPStatus.BAD_REQUEST)
    return await _signed_in(request, principal, visit.PREFIX)


async def me(seen: Visit) -> Response:
    """Show what somebody may change of their own."""
    return seen.page("me.html", is_first_admin=seen.principal.name == FIRST_ADMIN)


async def change_password(seen: Visit) -> Response:
    """Replace one's own password; every browser of theirs has to sign in again."""
    if seen.form.get("password") != seen.form.get("again"):
        raise InvalidInput(texts.PASSWORDS_DIFFER, hint="")
    passwords = seen.form.get("old", ""), seen.form.get("password", "")
    await users.change_password(seen.rack, seen.principal.name, passwords, seen.made(), _address(seen.request))
    return _signed_out()


async def _caller(console: Console, name: str, password: str, address: str) -> Principal:
    if name and name != FIRST_ADMIN:
        return await access.authenticate(console.rack, name, password, address)
    attempts, now = console.rack.attempts, console.rack.clock.monotonic()
    if (wait_s := attempts.wait_s(FIRST_ADMIN, address, now)) > 0:
        raise too_many_attempts(wait_s)
    if not hmac.compare_digest(password.encode(), console.password.encode()):
        attempts.wrong(FIRST_ADMIN, address, now)
        raise Unauthenticated("invalid authentication", hint="check the password in RACK_URL")
    return ADMIN


async def _signed_in(request: Request, principal: Principal, next: str) -> Response:
    console = visit.console_of(request)
    secret = await access.open_session(console.rack, principal, console.password)
    response = visit.to_address(next)
    visit.keep_cookie(request, response, visit.SESSION_COOKIE, secret)
    return response


def _signed_out() -> Response:
    response = visit.to("sign-in")
    response.delete_cookie(visit.SESSION_COOKIE, path=visit.PREFIX)
    return response


async def _checked_form(request: Request) -> dict[str, str]:
    form = dict(await visit.read_form(request))
    visit.check_form(request, form, visit.token_for(visit.console_of(request), visit.visitor_of(request)))
    return form


def _form(request: Request, asked: _Asked, status: HTTPStatus) -> Response:
    return _bare(request, "sign_in.html", status, next=_own(asked.next), name=asked.name, problem=asked.problem)


def _welcome(request: Request, invitation: str, problem: str, status: HTTPStatus) -> Response:
    return _bare(request, "welcome.html", status, invitation=invitation, problem=problem)


def _bare(request: Request, template: str, status: HTTPStatus, **values: str) -> Response:
    """Answer with a form for who is not signed in, and mark the browser that it is for."""
    console, visitor = visit.console_of(request), visit.visitor_of(request)
    around = {
        "rack_name": console.rack.settings.name,
        "form_token": visit.token_for(console, visitor),
        "has_password": bool(console.password),
    }
    response = console.pages.answer(template, around | values, status=status)
    visit.keep_cookie(request, response, visit.FORM_COOKIE, visitor)
    return response


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _own(address: str) -> str:
    """Return the address if it is a page of this console, else the first page."""
    is_own = address == visit.PREFIX or address.startswith(visit.PREFIX + "/")
    return address if is_own and address.isprintable() and "\\" not in address else visit.PREFIX
