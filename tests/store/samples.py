"""Rows to fill a ledger with. Times are fixed: nothing in the store reads a clock."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sternway import ports
from sternway.core.access import Grant, Role, SignIn, Token, User
from sternway.core.app import App, Made
from sternway.core.environment import Environment
from sternway.core.event import Happening
from sternway.core.promotion import Promotion, PromotionOptions
from sternway.core.release import Build, BuildOptions, Release

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)

_numbers = itertools.count()


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def made(by: str = "ada", reason: str = "") -> Made:
    return Made(AT, by, reason)


def id_of(prefix: str) -> str:
    letters = "".join(chr(ord("A") + int(digit)) for digit in f"{next(_numbers):010}")
    return prefix + letters


def build(app: App, **fields: Any) -> Build:
    return Build(id_of("B"), app.id, made(), BuildOptions("tmp/source.tgz"), **fields)


def user(name: str = "ada", **fields: Any) -> User:
    return User(name, Grant(Role.OPERATOR, frozenset({"shop", "blog"})), made(), **fields)


def token(token_id: str = "0123456789ab", name: str = "ci", **fields: Any) -> Token:
    return Token(token_id, name, Grant(Role.VIEWER), made(), **fields)


def sign_in(secret: str = "s", name: str = "ada") -> SignIn:
    return SignIn(name, secret, "credential", later(60))


def release(app: App, build_id: str | None = None, **fields: Any) -> Release:
    fields = {"environment": Environment(), "manifest": "services: {}\n"} | fields
    return Release(id_of("R"), app.id, made(), build_id, **fields)


def happening(action: str = "release:create", **detail: str) -> Happening:
    return Happening(action, "ada", AT, detail=detail)


async def added_release(ledger: ports.Ledger, app: App, **fields: Any) -> Release:
    return await ledger.releases.add(release(app, **fields))


async def promoted(ledger: ports.Ledger, app: App) -> Promotion:
    """Add a release and a promotion of it."""
    added = await added_release(ledger, app)
    return await ledger.promotions.add(app, added, PromotionOptions(), made())
