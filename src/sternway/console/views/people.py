"""Who may use the rack: users and deploy tokens; and who did what."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from sternway.console import texts, visit
from sternway.console.visit import Visit
from sternway.core import access as core_access
from sternway.core.access import Grant, Role
from sternway.core.errors import InvalidInput
from sternway.ops import access, apps, history
from sternway.ops.access import tokens, users
from sternway.ops.access.tokens import TokenWish
from sternway.ops.history import Entry, Subject

AUDITED = 100


async def index(seen: Visit) -> Response:
    """List users and tokens."""
    return seen.page("people.html", **await _listed(seen))


async def add(seen: Visit) -> Response:
    """Record a user, and show the invitation, this once."""
    name = seen.form.get("name", "").strip()
    invitation = await users.add(seen.rack, name, _grant(seen.form), seen.made())
    return _shown_once(seen, texts.INVITED.format(name=name), _link(seen, invitation), texts.INVITED_HINT)


async def invite(seen: Visit) -> Response:
    """Invite a user anew, and show the invitation, this once."""
    name = seen.part("name")
    invitation = await access.invite(seen.rack, name, seen.made())
    return _shown_once(seen, texts.INVITED.format(name=name), _link(seen, invitation), texts.INVITED_HINT)


async def allow(seen: Visit) -> Response:
    """Change what a user may do."""
    await users.allow(seen.rack, seen.part("name"), _grant(seen.form), seen.made())
    return visit.to("people")


async def remove(seen: Visit) -> Response:
    """Remove a user."""
    await users.remove(seen.rack, seen.part("name"), seen.made())
    return visit.to("people")


async def sign_out(seen: Visit) -> Response:
    """Sign out every browser of a user."""
    await access.close_all(seen.rack, seen.part("name"))
    return visit.to("people")


async def create_token(seen: Visit) -> Response:
    """Make a deploy token, and show it, this once."""
    wish = TokenWish(_grant(seen.form), seen.form.get("name", "").strip(), _lasts(seen.form.get("days", "")))
    token, text = await tokens.create(seen.rack, wish, seen.made())
    return _shown_once(seen, texts.TOKEN_MADE.format(name=token.name), text, texts.TOKEN_HINT)


async def revoke_token(seen: Visit) -> Response:
    """Revoke a deploy token."""
    await tokens.revoke(seen.rack, seen.part("name"), seen.made())
    return visit.to("people")


async def audit(seen: Visit) -> Response:
    """Show who did what, on the rack and in every app, the newest first."""
    entries: list[Entry] = [*await history.of_rack(seen.rack, AUDITED)]
    for view in await apps.list_all(seen.rack):
        # That an app came or went, the history of the rack tells as well.
        told = await history.of_app(seen.rack, view.app.name, AUDITED)
        entries += [each for each in told if each.subject is not Subject.APP]
    who = seen.asked("by")
    wanted = [each for each in entries if not who or each.by == who]
    names = sorted({each.by for each in entries})
    return seen.page("audit.html", entries=_newest(wanted), names=names, who=who)


def _newest(entries: Sequence[Entry]) -> Sequence[Entry]:
    return sorted(entries, key=lambda each: each.at, reverse=True)[:AUDITED]


async def _listed(seen: Visit) -> Mapping[str, Any]:
    return {
        "users": await users.list_all(seen.rack),
        "tokens": await tokens.list_all(seen.rack),
        "roles": [(role.value, texts.ROLES[role.value]) for role in Role],
        "apps": [view.app.name for view in await apps.list_all(seen.rack)],
    }


def _grant(form: Mapping[str, str]) -> Grant:
    named = form.get("apps", "").replace(",", " ").split()
    return Grant(core_access.read_role(form.get("role", "")), frozenset(named) or None)


def _lasts(days: str) -> timedelta | None:
    if not days.strip():
        return None
    if not (days.isascii() and days.isdigit() and len(days) < 5):
        raise InvalidInput(texts.NOT_DAYS, hint=texts.NOT_DAYS_HINT)
    return timedelta(days=int(days))


def _link(seen: Visit, invitation: str) -> str:
    return str(seen.request.url_for("welcome").include_query_params(invitation=invitation))


def _shown_once(seen: Visit, title: str, secret: str, hint: str) -> Response:
    return seen.page("once.html", title=title, secret=secret, hint=hint)
