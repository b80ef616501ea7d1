"""Who may do what, through the API: every route with every role, bounded to an app and not, and with none."""

import re
from dataclasses import dataclass

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from sternway.api import permissions
from sternway.api.application import ROUTERS
from sternway.api.permissions import Reach
from sternway.core.access import Grant, Principal, Role
from sternway.core.app import Made
from sternway.core.errors import Refused, Unauthenticated
from sternway.ops import access
from sternway.ops.access import jwt, tokens, users
from sternway.ops.access.tokens import TokenWish
from tests.api.server import application, client_of

PASSWORD = "correct horse"
ROLES = list(Role)
OPEN = {"/check", "/channel", "/channel/{path:path}", "/invitations/accept"}
ADMINS = {
    "GET /users",
    "POST /users",
    "PUT /users/{user}",
    "DELETE /users/{user}",
    "POST /users/{user}/invitation",
    "GET /tokens",
    "POST /tokens",
    "DELETE /tokens/{token}",
    "PUT /system/jwt/rotate",
    "POST /system/stop",
}
ACTING_STREAMS = {"WEBSOCKET /apps/{app}/processes/{process}/exec", "WEBSOCKET /proxy/{host}/{port}"}
EVERYBODYS = {"GET /auth", "GET /apps", "GET /racks", "GET /machines", "GET /system", "GET /who", "PUT /who/password"}


def all_calls() -> list[tuple[str, str]]:
    """Return every method with every path, as the routes have them."""
    routes = [route for router in ROUTERS for route in router.routes]
    calls = [("WEBSOCKET", route.path) for route in routes if isinstance(route, APIWebSocketRoute)]
    calls += [(method, route.path) for route in routes if isinstance(route, APIRoute) for method in route.methods or ()]
    return sorted(call for call in calls if call[1] not in OPEN)


def needed_role(method: str, path: str) -> Role:
    """Say again, in other words, which role a call takes."""
    call = f"{method} {path}"
    if call in ADMINS:
        return Role.ADMIN
    if call in ACTING_STREAMS:
        return Role.OPERATOR
    is_reading = method in ("GET", "HEAD", "WEBSOCKET") or call == "PUT /who/password"
    return Role.VIEWER if is_reading else Role.OPERATOR


def scope_of(method: str, path: str, app: str = "shop") -> dict[str, object]:
    called = path.replace("{app}", app)
    called = re.sub(r"\{(\w+)[^}]*\}", r"\1", called)
    if method == "WEBSOCKET":
        return {"type": "websocket", "path": called}
    return {"type": "http", "method": method, "path": called}


def is_let_in(principal: Principal, scope, user: str = "ada") -> bool:
    try:
        permissions.check(scope, principal, user)
    except (Refused, Unauthenticated):
        return False
    return True


@pytest.mark.parametrize(("method", "path"), all_calls())
def test_every_call_takes_its_role_and_its_app(method, path):
    call, needed = f"{method} {path}", needed_role(method, path)
    for role in ROLES:
        has_role = role.includes(needed)
        bounded = Principal("ada", role, frozenset({"shop"}))
        is_theirs = "{app}" in path or call in EVERYBODYS
        assert is_let_in(Principal("ada", role), scope_of(method, path)) is has_role, role
        assert is_let_in(bounded, scope_of(method, path)) is (has_role and is_theirs), role
        elsewhere = is_let_in(bounded, scope_of(method, path, app="shop2"))
        assert elsewhere is (has_role and call in EVERYBODYS), role


def test_there_are_as_many_calls_as_there_ought_to_be():
    calls = all_calls()
    assert len(calls) > 60
    named = {f"{method} {path}" for method, path in calls}
    assert named >= ADMINS | ACTING_STREAMS | EVERYBODYS


@pytest.mark.parametrize(
    "path", ["/apps/shop2/../shop", "//apps/shop", "/apps", "/apps//builds", "/Apps/shop", "/system/logs", "/nowhere"]
)
def test_path_that_only_looks_like_an_app_of_theirs_is_closed(path):
    bounded = Principal("ada", Role.ADMIN, frozenset({"shop"}))
    assert not is_let_in(bounded, {"type": "http", "method": "POST", "path": path})


def test_line_break_in_a_path_leads_past_no_rule():
    needed = permissions.need({"type": "http", "method": "GET", "path": "/users/a\nb"})
    assert (needed.role, needed.reach) == (Role.ADMIN, Reach.RACK)
    assert permissions.need({"type": "websocket", "path": "/proxy/a\n/1"}).role is Role.OPERATOR


@pytest.mark.parametrize(("method", "path"), all_calls())
def test_line_break_at_the_end_of_a_path_changes_nothing(method, path):
    scope = scope_of(method, path)
    assert permissions.need(scope | {"path": f"{scope['path']}\n"}) == permissions.need(scope)


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [("POST", "/apps", Unauthenticated), ("POST", "/users", Refused), ("WEBSOCKET", "/proxy/a/1", Refused)],
)
def test_token_of_the_contract_is_answered_as_the_contract_has_it(method, path, error):
    with pytest.raises(error):
        permissions.check(scope_of(method, path), Principal("system-read", Role.VIEWER), "jwt")


# --- the whole way ---------------------------------------------------------------------------------------------


@dataclass
class Entry:
    """A user and a password of a client, and whom history calls so."""

    user: str
    password: str
    name: str


async def entries(rack, role: Role, apps: frozenset[str] | None = None) -> list[Entry]:
    """Return what a user, a deploy token and a token of the contract of this role come with."""
    made, grant = Made(rack.clock.now(), "root"), Grant(role, apps)
    name = f"ada-{role}-{'-'.join(apps or {'all'})}"
    await access.accept_invitation(rack, await users.add(rack, name, grant, made), PASSWORD)
    token, text = await tokens.create(rack, TokenWish(grant, f"ci-{name}"), made)
    found = [Entry(name, PASSWORD, name), Entry("token", text, f"token:{token.name}")]
    if apps is None:
        signed = await jwt.issue(rack, await access.authenticate(rack, name, PASSWORD), role, 1, made)
        found.append(Entry("jwt", signed, name))
    return found


def client_as(app, entry: Entry):
    client = client_of(app, None)
    client.auth = (entry.user, entry.password)
    return client


@pytest.mark.parametrize("role", ROLES)
async def test_gate_lets_through_what_the_permissions_say_and_nothing_else(still, role):
    await still.app("shop")
    app = application(still.rack)
    calls = [("GET", "/apps/shop"), ("GET", "/system/releases"), ("PUT", "/apps/shop"), ("GET", "/users")]
    calls += [("POST", "/events"), ("PUT", "/system/jwt/rotate"), ("GET", "/openapi.json"), ("GET", "/who")]
    for bound in (None, frozenset({"shop"}), frozenset({"other"})):
        for entry in await entries(still.rack, role, bound):
            principal = Principal(entry.name, role, bound)
            async with client_as(app, entry) as client:
                for method, path in calls:
                    if path == "/system/jwt/rotate" and role is Role.ADMIN:
                        continue  # it would make the tokens of the next round worthless
                    answer = await client.request(method, path)
                    is_open = is_let_in(principal, {"type": "http", "method": method, "path": path}, entry.user)
                    assert (answer.status_code not in (401, 403, 429)) is is_open, f"{entry.name} {method} {path}"


async def test_line_break_at_the_end_of_a_path_leads_nobody_to_what_is_not_theirs(still):
    app = application(still.rack)
    for entry in await entries(still.rack, Role.OPERATOR):
        async with client_as(app, entry) as client:
            for method, path in (("GET", "/users%0A"), ("POST", "/tokens%0A"), ("POST", "/users%0A")):
                answer = await client.request(method, path, data={"name": "mallory", "role": "rwa"})
                assert answer.status_code == 403, f"{entry.name} {method} {path}"


async def test_who_is_bounded_to_apps_sees_no_others(still):
    await still.app("shop")
    await still.app("other")
    app = application(still.rack)
    for entry in await entries(still.rack, Role.VIEWER, frozenset({"shop"})):
        async with client_as(app, entry) as client:
            assert [item["name"] for item in (await client.get("/apps")).json()] == ["shop"]
            assert (await client.get("/who")).json()["apps"] == ["shop"]


async def test_history_names_who_called_and_not_whom_they_say_to_be(still):
    app = application(still.rack)
    for entry in await entries(still.rack, Role.OPERATOR):
        async with client_as(app, entry) as client:
            name = f"app{len(entry.user)}"
            await client.post("/apps", data={"name": name}, headers={"Convox-Actor": "mallory"})
        async with still.rack.store.read() as ledger:
            assert (await ledger.apps.get(name)).made.by == entry.name


async def test_rack_password_is_an_admin_under_any_name_and_asks_no_store(still):
    async with client_of(application(still.rack)) as client:
        assert (await client.get("/users")).status_code == 200
        assert (await client.get("/who")).json()["name"] == "rack-password"
    app = application(still.rack)
    object.__setattr__(still.rack, "store", None)
    async with client_of(app) as client:
        assert (await client.get("/auth")).text == "ok\n"


async def test_password_may_be_percent_encoded_or_not(still):
    made = Made(still.rack.clock.now(), "root")
    password = "a/b@c d%e +ü"
    await access.accept_invitation(
        still.rack, await users.add(still.rack, "ada@example.com", Grant(Role.VIEWER), made), password
    )
    app = application(still.rack)
    for user, sent in (("ada@example.com", password), ("ada%40example.com", "a%2Fb%40c%20d%25e%20%2B%C3%BC")):
        async with client_as(app, Entry(user, sent, "")) as client:
            assert (await client.get("/auth")).status_code == 200


async def test_too_many_wrong_passwords_from_an_address_are_stopped_and_the_rack_password_is_not(still):
    await entries(still.rack, Role.VIEWER)
    app = application(still.rack)
    async with client_as(app, Entry("ada-r-all", "wrong password", "")) as client:
        statuses = [(await client.get("/auth")).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    async with client_as(app, Entry("ada-r-all", PASSWORD, "")) as client:
        assert (await client.get("/auth")).status_code == 200, "who is known to be right goes on"
        still.rack.attempts.forget()
        refused = await client.get("/auth")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    async with client_of(app) as client:
        assert (await client.get("/auth")).status_code == 200


async def test_no_secret_is_answered_but_where_it_is_made(still):
    async with client_of(application(still.rack)) as client:
        invited = (await client.post("/users", data={"name": "ada", "role": "rw"})).json()
        form = {"invitation": invited["invitation"], "password": PASSWORD}
        assert (await client.post("/invitations/accept", data=form)).json()["name"] == "ada"
        token = (await client.post("/tokens", data={"name": "ci", "expires": "24h", "apps": "shop,blog"})).json()
        assert token["token"].startswith("sternway_")
        told = (await client.get("/users")).text + (await client.get("/tokens")).text
        for secret in (invited["invitation"], PASSWORD, token["token"], token["token"].rpartition("_")[2]):
            assert secret not in told
        assert [item["apps"] for item in (await client.get("/tokens")).json()] == [["blog", "shop"]]
    async with still.rack.store.read() as ledger:
        events = b"".join(event.body for event in await ledger.events.list("rack", 100))
    assert b"token:create" in events
    assert not [s for s in (PASSWORD, token["token"], invited["invitation"]) if s.encode() in events]


async def test_user_changes_their_password_and_the_old_one_is_refused_at_once(still):
    app = application(still.rack)
    [entry, token, _] = await entries(still.rack, Role.VIEWER)
    async with client_as(app, entry) as client:
        assert (await client.get("/auth")).status_code == 200
        changed = await client.put("/who/password", data={"old": PASSWORD, "new": "another password"})
        assert changed.text == "ok\n"
        assert (await client.get("/auth")).status_code == 401
    async with client_as(app, Entry(entry.user, "another password", "")) as client:
        assert (await client.get("/auth")).status_code == 200
    async with client_as(app, token) as client:
        assert (await client.put("/who/password", data={"old": "x", "new": "another password"})).status_code == 400


async def test_signed_token_is_no_more_than_who_asks_for_it(still):
    app = application(still.rack)
    operator = (await entries(still.rack, Role.OPERATOR))[0]
    async with client_as(app, operator) as client:
        order = {"role": "admin", "durationInHour": "2"}
        assert (await client.post("/system/jwt/token", data=order)).status_code == 403
        signed = (await client.post("/system/jwt/token", data=order | {"role": "write"})).json()["token"]
        assert (await client.post("/system/jwt/token", data=order | {"durationInHour": "9000"})).status_code == 400
    async with client_as(app, Entry("jwt", signed, "")) as client:
        assert (await client.post("/apps", data={"name": "shop"})).status_code == 200
        assert (await client.put("/system/jwt/rotate")).status_code == 403
    async with client_of(app) as client:
        assert (await client.put("/system/jwt/rotate")).text == "ok\n"
    async with client_as(app, Entry("jwt", signed, "")) as client:
        refused = await client.get("/apps")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="convox"')
