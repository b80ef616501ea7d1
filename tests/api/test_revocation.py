"""Streams end soon after the right to them does."""

import asyncio
from base64 import b64encode
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from starlette.types import Message
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sternway.api import revocation
from sternway.core.access import Grant, Role
from sternway.core.app import Made
from sternway.core.errors import StoreUnavailable
from sternway.ops import access, attempts
from sternway.ops.access import tokens, users
from sternway.ops.access.tokens import TokenWish
from tests.api.server import PASSWORD, application, serving

PATIENCE_S = 10.0
OPERATOR = Grant(Role.OPERATOR)


@pytest.fixture
async def address(still):
    await still.app("shop")
    async with serving(application(still.rack)) as opened:
        yield opened


def made(rack) -> Made:
    return Made(rack.clock.now(), "root")


@asynccontextmanager
async def following(address: str, pair: str, path: str = "/apps/shop/logs"):
    """Open a stream that goes on for ever."""
    headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    async with connect(f"ws://{address}{path}", additional_headers=headers) as socket:
        yield socket


async def ended(socket) -> str:
    """Wait for the end, and return what was said last."""
    said = b""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                said = await socket.recv(decode=False)
            except ConnectionClosed:
                return said.decode()


async def test_stream_of_a_token_that_is_revoked_ends_at_once_and_says_why(still, address):
    _, text = await tokens.create(still.rack, TokenWish(OPERATOR, "ci"), made(still.rack))
    async with following(address, f"token:{text}") as socket:
        await tokens.revoke(still.rack, "ci", made(still.rack))
        assert await ended(socket) == revocation.REVOKED
    with pytest.raises(InvalidStatus):
        async with following(address, f"token:{text}"):
            pass


async def test_stream_of_a_token_ends_with_its_time(still, address):
    _, text = await tokens.create(still.rack, TokenWish(OPERATOR, "ci", timedelta(seconds=1.5)), made(still.rack))
    async with following(address, f"token:{text}") as socket:
        assert await ended(socket) == revocation.REVOKED


async def test_stream_of_a_user_ends_who_is_removed_or_may_not_see_the_app_any_more(still, address):
    for change in ("removed", "bounded"):
        invitation = await users.add(still.rack, change, OPERATOR, made(still.rack))
        await access.accept_invitation(still.rack, invitation, "correct horse")
        async with following(address, f"{change}:correct horse") as socket:
            if change == "removed":
                await users.remove(still.rack, change, made(still.rack))
            else:
                await users.allow(still.rack, change, Grant(Role.ADMIN, frozenset({"other"})), made(still.rack))
            assert await ended(socket) == revocation.REVOKED


async def test_wrong_attempts_keep_no_stream_open_and_end_none(still, address):
    for name in ("ada", "bob"):
        invitation = await users.add(still.rack, name, OPERATOR, made(still.rack))
        await access.accept_invitation(still.rack, invitation, "correct horse")
    async with following(address, "ada:correct horse") as theirs, following(address, "bob:correct horse") as others:
        still.rack.attempts.forget()
        for number in range(attempts.WRONG_BY_USER):
            for name in ("ada", "bob"):
                still.rack.attempts.wrong(name, f"{number}", still.rack.clock.monotonic())
        await users.remove(still.rack, "ada", made(still.rack))
        assert await ended(theirs) == revocation.REVOKED
        await (await others.ping())


async def test_stream_ends_with_the_password_that_opened_it(still, address):
    invitation = await users.add(still.rack, "ada", OPERATOR, made(still.rack))
    await access.accept_invitation(still.rack, invitation, "correct horse")
    async with following(address, "ada:correct horse") as socket:
        await users.change_password(still.rack, "ada", ("correct horse", "battery staple"), made(still.rack))
        assert await ended(socket) == revocation.REVOKED


async def test_streams_of_others_and_of_the_rack_password_go_on(still, address):
    _, kept = await tokens.create(still.rack, TokenWish(OPERATOR, "kept"), made(still.rack))
    await tokens.create(still.rack, TokenWish(OPERATOR, "lost"), made(still.rack))
    async with following(address, f"token:{kept}") as theirs, following(address, f"convox:{PASSWORD}") as admins:
        await tokens.revoke(still.rack, "lost", made(still.rack))
        for socket in (theirs, admins):
            await (await socket.ping())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await socket.recv()


@pytest.mark.parametrize(("role", "apps"), [(Role.VIEWER, None), (Role.ADMIN, frozenset({"other"}))])
async def test_stream_that_acts_is_refused_to_who_only_reads_or_has_other_apps(still, address, role, apps):
    _, text = await tokens.create(still.rack, TokenWish(Grant(role, apps), "ci"), made(still.rack))
    for path in ("/apps/shop/processes/web/exec", "/apps/shop/resources/db/console"):
        with pytest.raises(InvalidStatus) as caught:
            async with following(address, f"token:{text}", path):
                pass
        assert caught.value.response.status_code == 403


async def silence() -> Message:
    await asyncio.Event().wait()
    return {}


async def nowhere(message):
    pass


async def test_what_cannot_be_found_out_ends_no_stream(still):
    looked = asyncio.Event()

    async def check():
        looked.set()
        raise StoreUnavailable("store: it is not open")

    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        await looked.wait()
        await send({"type": "websocket.close"})

    sent = []

    async def send(message):
        sent.append(message["type"])

    async with asyncio.timeout(PATIENCE_S):
        await revocation.serve(app, ({}, silence, send), still.rack, check)
    assert sent == ["websocket.accept", "websocket.close"]


async def test_failure_of_a_stream_is_seen_by_whoever_serves_it(still):
    async def check():
        await asyncio.Event().wait()

    async def app(scope, receive, send):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await revocation.serve(app, ({}, silence, nowhere), still.rack, check)


async def test_rack_that_ends_lets_streams_end_by_themselves(still):
    still.rack.changes.close()
    checked = []

    async def check():
        checked.append(1)

    async def app(scope, receive, send):
        await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE_S):
        await revocation.serve(app, ({}, silence, nowhere), still.rack, check)
    assert checked == []
