"""What each route takes: a role, and whether it belongs to an app, to the rack, or to everybody.

GET takes r, whatever changes something rw, a WebSocket r, as the contract has it; RULES lists what differs. What
stands below /apps/NAME belongs to that app, everything else to the rack as a whole, so that a route that nobody
thought of here is closed to whoever is bounded to some apps.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from starlette.types import Scope

from sternway.core.access import JWT_USER, Principal, Role
from sternway.core.errors import Refused, Unauthenticated

WEBSOCKET = "WEBSOCKET"
ANY = "*"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", WEBSOCKET})


class Reach(Enum):
    """What a route belongs to."""

    APP = auto()
    RACK = auto()
    EVERYBODY = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route takes that differs from its method's: None leaves the role, or the reach, as it is."""

    method: str
    path: str
    role: Role | None = None
    reach: Reach | None = None

    def matches(self, method: str, path: str) -> bool:
        """Tell whether it is about a request."""
        return self.method in (ANY, method) and _pattern(self.path).fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Need:
    """What a request takes. `app` is whose it is; `is_special` says that a rule asks for more than the method."""

    role: Role
    reach: Reach
    app: str | None = None
    is_special: bool = False


RULES = (
    # Who may do what, and secrets that let somebody in.
    Rule(ANY, "/users", Role.ADMIN),
    Rule(ANY, "/users/{rest}", Role.ADMIN),
    Rule(ANY, "/tokens", Role.ADMIN),
    Rule(ANY, "/tokens/{rest}", Role.ADMIN),
    Rule("PUT", "/system/jwt/rotate", Role.ADMIN),
    Rule("POST", "/system/stop", Role.ADMIN),
    # Streams that act.
    Rule(WEBSOCKET, "/apps/{app}/processes/{process}/exec", Role.OPERATOR),
    Rule(WEBSOCKET, "/apps/{app}/resources/{resource}/console", Role.OPERATOR),
    Rule(WEBSOCKET, "/instances/{instance}/shell", Role.OPERATOR),
    Rule(WEBSOCKET, "/proxy/{rest}", Role.OPERATOR),
    # What clients look at before anything else, and what answers only with what is theirs.
    Rule("GET", "/auth", reach=Reach.EVERYBODY),
    Rule("GET", "/apps", reach=Reach.EVERYBODY),
    Rule("GET", "/racks", reach=Reach.EVERYBODY),
    Rule("GET", "/machines", reach=Reach.EVERYBODY),
    Rule("GET", "/system", reach=Reach.EVERYBODY),
    Rule("GET", "/openapi.json", reach=Reach.EVERYBODY),
    Rule("GET", "/who", reach=Reach.EVERYBODY),
    Rule("PUT", "/who/password", Role.VIEWER, Reach.EVERYBODY),
)
"""The first that matches counts. `{rest}` is the whole of what follows, every other name one part of the path."""

_OF_APP = re.compile(r"/apps/([^/]+)(?:/.*)?", re.DOTALL)


def need(scope: Scope) -> Need:
    """Return what a request or a handshake takes."""
    method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
    # Routes end in `$`, which matches before a line break at the end as well: `/tokens%0A` is served as `/tokens`.
    path = scope["path"].removesuffix("\n")
    usual = Role.VIEWER if method in SAFE_METHODS else Role.OPERATOR
    found = _OF_APP.fullmatch(path)
    app, reach = (found[1], Reach.APP) if found else (None, Reach.RACK)
    rule = next((rule for rule in RULES if rule.matches(method, path)), Rule(method, path))
    return Need(rule.role or usual, rule.reach or reach, app, is_special=rule.role is not None)


def check(scope: Scope, principal: Principal, user: str) -> None:
    """Raise unless the principal, who came as `user`, may make this request.

    The contract answers 401 to a token of its own that lacks the role of the method, and 403 otherwise.
    """
    needed = need(scope)
    if user == JWT_USER and not needed.is_special and not principal.role.includes(needed.role):
        raise Unauthenticated("this token may not do this", hint=f"it takes the role {needed.role}")
    if needed.reach is Reach.EVERYBODY:
        _check_role(principal, needed.role)
    else:
        principal.require(needed.role, needed.app)


def _check_role(principal: Principal, role: Role) -> None:
    if not principal.role.includes(role):
        raise Refused(f"{principal.name} may not do this", hint=f"it takes the role {role}")


def _pattern(path: str) -> re.Pattern[str]:
    """Compile a path; the patterns that `re` keeps are many more than there are rules."""
    return re.compile(path.replace("{rest}", "(?s:.+)").replace("{", "(?P<").replace("}", ">[^/]+)"))
