"""Who may do what: roles, whom a caller turned out to be, and what is kept of users and tokens."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import unquote

from sternway.core.app import Made
from sternway.core.errors import InvalidInput, Refused
from sternway.core.names import is_name

FIRST_ADMIN = "rack-password"
"""What history calls whoever has the rack's password and does not say who they are."""
JWT_USER = "jwt"
TOKEN_USER = "token"
SIGNED_USERS = ("system-read", "system-write", "system-admin")
"""What history calls tokens of the contract that the rack's password asked for, by their role."""
RESERVED_USER_NAMES = frozenset({FIRST_ADMIN, JWT_USER, TOKEN_USER, "convox", "rack", "system", *SIGNED_USERS})
PASSWORD_MIN_LENGTH = 10
PASSWORD_MAX_LENGTH = 1024
INVITATION_LASTS = timedelta(days=7)

_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")
_TOKEN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TOKEN = re.compile(r"sternway_([0-9a-f]{12})_([0-9a-f]{48})")
_INVITATION = re.compile(r"invite-([0-9a-f]{48})-(.{1,63})")


class Role(StrEnum):
    """How much somebody may do; the letters are the contract's. Each may do what the one before may."""

    VIEWER = "r"
    OPERATOR = "rw"
    ADMIN = "rwa"

    def includes(self, other: "Role") -> bool:
        """Tell whether who has this role may do what the other may."""
        return set(other) <= set(self)


@dataclass(frozen=True, slots=True)
class Grant:
    """What is allowed: a role, for some apps or, with None, for all of them and the rack."""

    role: Role
    apps: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a caller turned out to be. `apps` are the names of those that it is bounded to; None: all, and the rack.

    `name` is what history calls them. `expires_at` is when what they came with is no longer good, if it ever is.
    """

    name: str
    role: Role
    apps: frozenset[str] | None = None
    expires_at: datetime | None = None

    def require(self, role: Role, app: str | None = None) -> None:
        """Raise Refused unless this caller has the role, for that app; without one, for the rack as a whole."""
        if not self.role.includes(role):
            raise Refused(f"{self.name} may not do this", hint=f"it takes the role {role}; ask who manages the rack")
        if not self.sees(app):
            allowed = ", ".join(sorted(self.apps or ()))
            raise Refused(f"{self.name} may not do this here", hint=f"allowed for: {allowed}")

    def sees(self, app: str | None) -> bool:
        """Tell whether an app is among theirs; without one, whether the rack as a whole is."""
        return self.apps is None or app in self.apps


ADMIN = Principal(FIRST_ADMIN, Role.ADMIN)
"""Whoever has the rack's password."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who may use the rack, as the newest record has them.

    `password` is a slow hash, empty until the invitation was accepted; `invitation` is a keyed hash, empty once
    it was.
    """

    name: str
    grant: Grant
    made: Made
    password: str = field(default="", repr=False)
    invitation: str = field(default="", repr=False)
    invited_until: datetime | None = None

    def principal(self) -> Principal:
        """Return whom this user is as a caller."""
        return Principal(self.name, self.grant.role, self.grant.apps)


@dataclass(frozen=True, slots=True)
class Token:
    """A deploy token. What it is called by is its `id` and `name`; `secret` is a keyed hash."""

    id: str
    name: str
    grant: Grant
    made: Made
    secret: str = field(default="", repr=False)
    expires_at: datetime | None = None

    def principal(self) -> Principal:
        """Return whom this token is as a caller; no user can be called so."""
        return Principal(f"{TOKEN_USER}:{self.name}", self.grant.role, self.grant.apps, self.expires_at)

    def has_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class SignIn:
    """That a browser is signed in. `secret` and `credential` are keyed hashes: of what the browser keeps, and of
    what its owner signed in with; once that changes, the browser is signed out.
    """

    name: str
    secret: str = field(repr=False)
    credential: str = field(repr=False)
    expires_at: datetime


def token_text(token_id: str, secret: str) -> str:
    """Return a deploy token as it is shown, once."""
    return f"sternway_{token_id}_{secret}"


def read_token(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of a deploy token; None for anything else."""
    found = _TOKEN.fullmatch(text)
    return (found[1], found[2]) if found else None


def read_token_name(principal_name: str) -> str | None:
    """Return the name of the token that a principal of this name is; None for anybody else."""
    kind, colon, name = principal_name.partition(":")
    return name if kind == TOKEN_USER and colon else None


def invitation_text(name: str, secret: str) -> str:
    """Return an invitation as it is shown, once."""
    return f"invite-{secret}-{name}"


def read_invitation(text: str) -> tuple[str, str] | None:
    """Return the name and the secret of an invitation; None for anything else."""
    found = _INVITATION.fullmatch(text.strip())
    return (found[2], found[1]) if found and is_user_name(found[2]) else None


def is_user_name(text: str) -> bool:
    """Tell whether a user can be called so."""
    return _USER_NAME.fullmatch(text) is not None and text not in RESERVED_USER_NAMES


def check_user_name(name: str) -> str:
    """Return the name, or raise InvalidInput."""
    if not is_user_name(name):
        hint = "use lower-case letters, digits and . _ @ + -, as in ada or ada@example.com"
        raise InvalidInput(f"name: {name!r} is reserved or cannot name a user", hint=hint)
    return name


def check_token_name(name: str) -> str:
    """Return the name, or raise InvalidInput."""
    if not _TOKEN_NAME.fullmatch(name):
        raise InvalidInput(f"name: {name!r} cannot name a token", hint="use lower-case letters, digits and . _ -")
    return name


def check_password(password: str) -> str:
    """Return a new password, or raise InvalidInput; the message never repeats it."""
    if not PASSWORD_MIN_LENGTH <= len(password) <= PASSWORD_MAX_LENGTH or not password.isprintable():
        bounds = f"{PASSWORD_MIN_LENGTH} to {PASSWORD_MAX_LENGTH} printable characters"
        raise InvalidInput("password: too short, too long or not printable", hint=f"use {bounds}")
    if unquote(password) != password:
        # Clients may or may not encode what they send; nothing tells which they did.
        raise InvalidInput("password: a percent sign before two hex digits cannot be told from a letter", hint="")
    return password


def check_grant(grant: Grant) -> Grant:
    """Return what is to be allowed, or raise InvalidInput for apps that cannot be."""
    if grant.apps is not None and not (grant.apps and all(is_name(app) for app in grant.apps)):
        raise InvalidInput("apps: not names of apps", hint="name at least one, or none at all for the whole rack")
    return grant


def read_role(text: str) -> Role:
    """Return the role of these letters, or of these words; raises InvalidInput."""
    roles = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN} | {role: role for role in Role}
    if text not in roles:
        raise InvalidInput(f"role: there is no {text!r}", hint="one of r (viewer), rw (operator), rwa (admin)")
    return roles[text]
