"""Users, tokens, signed tokens and browsers: who is let in, and when no longer."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sternway.core import access as core
from sternway.core.access import ADMIN, FIRST_ADMIN, Grant, Role
from sternway.core.app import Made
from sternway.core.errors import Conflict, InvalidInput, NotFound, Refused, TooManyAttempts, Unauthenticated
from sternway.ops import access, attempts
from sternway.ops.access import browsers, jwt, tokens, users
from sternway.ops.access.tokens import TokenWish
from tests.rack import rack_under_test

PASSWORD, OTHER = "correct horse", "battery staple"
VIEWER = Grant(Role.VIEWER)


class SteppedClock:
    """Stands still until told; its wall time may step while the other one does not."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self.step = timedelta(0)
        self.passed_s = 0.0

    def now(self):
        return self._clock.now() + self.step

    def monotonic(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class CountedSecrets:
    """The key of the rack, with how often a password was verified."""

    def __init__(self, secrets) -> None:
        self._secrets = secrets
        self.verified = 0

    def __getattr__(self, name):
        return getattr(self._secrets, name)

    async def matches(self, stretched, password):
        self.verified += 1
        await asyncio.sleep(0)
        return await self._secrets.matches(stretched, password)


@pytest.fixture
def rack(still):
    return replace(still.rack, clock=SteppedClock(still.rack.clock), secrets=CountedSecrets(still.rack.secrets))


@pytest.fixture
def made(rack):
    return Made(rack.clock.now(), "root")


@pytest.fixture
async def ada(rack, made):
    """A user with a password."""
    await access.accept_invitation(rack, await users.add(rack, "ada", VIEWER, made), PASSWORD)
    return "ada"


async def is_let_in(rack, name="ada", password=PASSWORD) -> bool:
    try:
        await access.authenticate(rack, name, password, "198.51.100.7")
    except Unauthenticated:
        return False
    return True


# --- users -----------------------------------------------------------------------------------------------------


async def test_user_is_who_they_are_with_their_password_and_nobody_with_another(rack, ada):
    found = await access.authenticate(rack, "ada", PASSWORD)
    assert (found.name, found.role, found.apps) == ("ada", Role.VIEWER, None)
    for name, password in (("ada", OTHER), ("bob", PASSWORD), ("ada", ""), ("Ada", PASSWORD), ("ada", "x" * 5000)):
        assert not await is_let_in(rack, name, password)


async def test_password_is_verified_once_and_then_known_for_a_while(rack, ada):
    assert all(await asyncio.gather(*(is_let_in(rack) for _ in range(8))))
    assert 1 <= rack.secrets.verified <= attempts.AT_ONCE
    before = rack.secrets.verified
    assert await is_let_in(rack)
    assert rack.secrets.verified == before
    rack.clock.step = timedelta(days=400)
    assert await is_let_in(rack)
    assert rack.secrets.verified == before, "steps of the wall clock change nothing"
    rack.clock.passed_s = attempts.VERIFIED_S
    assert await is_let_in(rack)
    assert rack.secrets.verified == before + 1


async def test_change_of_a_user_counts_from_the_next_call_on(rack, ada, made):
    assert await is_let_in(rack)
    await users.allow(rack, "ada", Grant(Role.ADMIN, frozenset({"shop"})), made)
    assert (await access.authenticate(rack, "ada", PASSWORD)).apps == frozenset({"shop"})
    await users.change_password(rack, "ada", (PASSWORD, OTHER), made)
    assert not await is_let_in(rack)
    assert await is_let_in(rack, password=OTHER)
    await users.remove(rack, "ada", made)
    assert not await is_let_in(rack, password=OTHER)
    assert await users.list_all(rack) == []


async def test_user_who_is_removed_while_the_password_is_verified_is_refused(rack, ada, made):
    matches = rack.secrets.matches

    async def slow(stretched, password):
        is_right = await matches(stretched, password)
        await users.remove(rack, "ada", made)
        return is_right

    rack.secrets.matches = slow
    assert not await is_let_in(rack)


async def test_user_who_comes_back_needs_a_new_password(rack, ada, made):
    await users.remove(rack, "ada", made)
    await users.add(rack, "ada", VIEWER, made)
    assert not await is_let_in(rack)


async def test_invitation_is_good_once_and_for_a_week(rack, made):
    invitation = await users.add(rack, "ada", VIEWER, made)
    with pytest.raises(InvalidInput):
        await access.accept_invitation(rack, invitation, "short")
    rack.clock.step = core.INVITATION_LASTS + timedelta(seconds=1)
    with pytest.raises(Unauthenticated):
        await access.accept_invitation(rack, invitation, PASSWORD)
    rack.clock.step = timedelta(0)
    assert (await access.accept_invitation(rack, f" {invitation}\n", PASSWORD)).name == "ada"
    with pytest.raises(Unauthenticated):
        await access.accept_invitation(rack, invitation, OTHER)
    assert await is_let_in(rack)


async def test_of_two_that_accept_at_once_one_does(rack, made):
    invitation = await users.add(rack, "ada", VIEWER, made)
    both = (access.accept_invitation(rack, invitation, password) for password in (PASSWORD, OTHER))
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended].count(Unauthenticated) == 1


async def test_second_invitation_takes_the_place_of_the_first_and_the_password_stays_until_then(rack, ada, made):
    first, second = [await access.invite(rack, "ada", made) for _ in range(2)]
    assert await is_let_in(rack)
    with pytest.raises(Unauthenticated):
        await access.accept_invitation(rack, first, OTHER)
    await access.accept_invitation(rack, second, OTHER)
    assert not await is_let_in(rack)


@pytest.mark.parametrize("text", ["", "invite-", "invite-00-ada", f"invite-{'0' * 48}-ada", f"invite-{'0' * 48}-jwt"])
async def test_what_is_no_invitation_is_refused(rack, ada, text):
    with pytest.raises(Unauthenticated):
        await access.accept_invitation(rack, text, PASSWORD)


async def test_names_and_apps_that_will_not_do_are_refused(rack, ada, made):
    for name in ("", "Ada", "jwt", "token", FIRST_ADMIN, "system-admin", "a:b", "a b", "-a", "convox", "x" * 64):
        with pytest.raises(InvalidInput):
            await users.add(rack, name, VIEWER, made)
    for apps in (frozenset(), frozenset({"a,b"})):
        with pytest.raises(InvalidInput):
            await users.add(rack, "bob", Grant(Role.VIEWER, apps), made)
    with pytest.raises(Conflict):
        await users.add(rack, "ada", VIEWER, made)
    for missing in (users.remove(rack, "bob", made), users.allow(rack, "bob", VIEWER, made)):
        with pytest.raises(NotFound):
            await missing


@pytest.mark.parametrize("password", ["tiny", "x" * 1025, "with a\nbreak in it", "ends in %41 percent"])
def test_password_that_will_not_do_is_refused_and_not_repeated(password):
    with pytest.raises(InvalidInput) as caught:
        core.check_password(password)
    assert password not in caught.value.message + caught.value.hint


async def test_wrong_passwords_are_limited_by_address_and_by_user_for_a_minute(rack, ada):
    for _ in range(attempts.WRONG_BY_ADDRESS):
        assert not await is_let_in(rack, password=OTHER)
    with pytest.raises(TooManyAttempts):
        await is_let_in(rack)
    assert (await access.authenticate(rack, "ada", PASSWORD, "203.0.113.9")).name == "ada"
    rack.clock.passed_s = attempts.WINDOW_S
    assert not await is_let_in(rack, password=OTHER)


def test_guesses_from_many_addresses_are_limited_by_user():
    counted = attempts.Attempts()
    for number in range(attempts.WRONG_BY_USER):
        assert counted.wait_s("ada", "elsewhere", 0) == 0
        counted.wrong("ada", f"address {number}", 0)
    assert counted.wait_s("ada", "elsewhere", 1) == attempts.WINDOW_S - 1
    assert counted.wait_s("bob", "elsewhere", 1) == 0


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
    ],
)
def test_whoever_has_a_network_of_version_6_is_one_address(one, other, is_one):
    counted = attempts.Attempts()
    for number in range(attempts.WRONG_BY_ADDRESS):
        counted.wrong(f"user{number}", one, 0)
    assert (counted.wait_s("ada", other, 0) > 0) is is_one


def test_attempts_hold_a_bounded_number():
    counted = attempts.Attempts()
    for number in range(attempts.COUNTED_AT_MOST + 10):
        counted.wrong("ada", str(number), 0)
        counted.verified(str(number), 0)
    assert len(counted._wrong) == attempts.COUNTED_AT_MOST
    assert len(counted._verified) == attempts.VERIFIED_AT_MOST


async def test_name_that_no_user_can_have_costs_nothing(rack):
    for name in ("convox", "rack", "", "x" * 100):
        for _ in range(attempts.WRONG_BY_ADDRESS):
            assert not await is_let_in(rack, name)
    assert rack.secrets.verified == 0
    assert not await is_let_in(rack, "somebody")
    assert rack.secrets.verified == 1, "who is no user takes as long as who is"


# --- deploy tokens ---------------------------------------------------------------------------------------------


async def test_token_is_let_in_under_any_name_until_it_is_revoked(rack, made):
    token, text = await tokens.create(rack, TokenWish(Grant(Role.OPERATOR, frozenset({"shop"})), "ci"), made)
    assert core.read_token(text)
    assert text not in repr(token)
    found = await access.authenticate(rack, "anybody", text)
    assert (found.name, found.role, found.apps) == ("token:ci", Role.OPERATOR, frozenset({"shop"}))
    await tokens.revoke(rack, token.id, made)
    assert not await is_let_in(rack, "token", text)
    with pytest.raises(NotFound):
        await tokens.revoke(rack, "ci", made)


async def test_token_ends_with_its_time_and_lives_again_when_the_clock_is_put_back(rack, made):
    _, text = await tokens.create(rack, TokenWish(VIEWER, lasts=timedelta(hours=1)), made)
    assert await is_let_in(rack, "token", text)
    rack.clock.step = timedelta(hours=1)
    assert not await is_let_in(rack, "token", text)
    rack.clock.step = timedelta(minutes=59)
    assert await is_let_in(rack, "token", text)


async def test_token_that_is_wrong_in_any_part_is_refused_and_costs_no_attempt(rack, made):
    token, text = await tokens.create(rack, TokenWish(VIEWER, "ci"), made)
    _, other = await tokens.create(rack, TokenWish(VIEWER, "cd"), made)
    mixed = core.token_text(token.id, other.rpartition("_")[2])
    for _ in range(attempts.WRONG_BY_ADDRESS + 1):
        assert not await is_let_in(rack, "token", mixed)
    assert not await is_let_in(rack, "token", text.replace("sternway_", "sternway_0"))
    assert await is_let_in(rack, "token", text)


async def test_two_tokens_of_one_name_are_a_conflict(rack, made):
    await tokens.create(rack, TokenWish(VIEWER, "ci"), made)
    with pytest.raises(Conflict):
        await tokens.create(rack, TokenWish(VIEWER, "ci"), made)
    with pytest.raises(Conflict):
        await tokens.create(rack, TokenWish(VIEWER, (await tokens.list_all(rack))[0].id), made)
    with pytest.raises(InvalidInput):
        await tokens.create(rack, TokenWish(VIEWER, "Ci !"), made)


# --- signed tokens ---------------------------------------------------------------------------------------------


async def test_signed_token_says_who_and_for_how_long(rack, made):
    text = await jwt.issue(rack, ADMIN, Role.OPERATOR, 2, made)
    found = await access.authenticate(rack, "jwt", text)
    assert (found.name, found.role) == ("system-write", Role.OPERATOR)
    rack.clock.step = timedelta(hours=2)
    with pytest.raises(Unauthenticated, match="cli token is expired"):
        await access.authenticate(rack, "jwt", text)
    rack.clock.step = timedelta(0)
    await jwt.rotate(rack, made)
    assert not await is_let_in(rack, "jwt", text)


async def test_signed_token_ends_with_the_user_or_token_that_asked_for_it(rack, ada, made):
    by_user = await jwt.issue(rack, await access.authenticate(rack, "ada", PASSWORD), Role.VIEWER, 1, made)
    token, _ = await tokens.create(rack, TokenWish(Grant(Role.OPERATOR), "ci"), made)
    by_token = await jwt.issue(rack, token.principal(), Role.OPERATOR, 2, made)
    again = await jwt.issue(rack, await access.authenticate(rack, "jwt", by_token), Role.VIEWER, 1, made)
    assert (await access.authenticate(rack, "jwt", again)).name == "token:ci"
    await tokens.revoke(rack, "ci", made)
    assert [await is_let_in(rack, "jwt", text) for text in (by_token, again, by_user)] == [False, False, True]
    await users.allow(rack, "ada", Grant(Role.ADMIN, frozenset({"shop"})), made)
    assert not await is_let_in(rack, "jwt", by_user)


async def test_signed_token_does_not_live_again_with_somebody_else_of_that_name(rack, ada, made):
    by_user = await jwt.issue(rack, await access.authenticate(rack, "ada", PASSWORD), Role.VIEWER, 1, made)
    token, _ = await tokens.create(rack, TokenWish(VIEWER, "ci"), made)
    by_token = await jwt.issue(rack, token.principal(), Role.VIEWER, 1, made)
    await users.remove(rack, "ada", made)
    await access.accept_invitation(rack, await users.add(rack, "ada", VIEWER, made), PASSWORD)
    await tokens.revoke(rack, "ci", made)
    await tokens.create(rack, TokenWish(VIEWER, "ci"), made)
    assert [await is_let_in(rack, "jwt", text) for text in (by_user, by_token)] == [False, False]


async def test_signed_token_ends_with_the_password_of_who_asked_for_it(rack, ada, made):
    signed = await jwt.issue(rack, await access.authenticate(rack, "ada", PASSWORD), Role.VIEWER, 1, made)
    await users.change_password(rack, "ada", (PASSWORD, OTHER), made)
    assert not await is_let_in(rack, "jwt", signed)


async def test_who_is_gone_meanwhile_has_nothing_signed(rack, ada, made):
    found = await access.authenticate(rack, "ada", PASSWORD)
    await users.remove(rack, "ada", made)
    with pytest.raises(Unauthenticated):
        await jwt.issue(rack, found, Role.VIEWER, 1, made)


async def test_nobody_signs_more_than_they_may_or_longer_than_they_last(rack, made):
    token, _ = await tokens.create(rack, TokenWish(VIEWER, "ci", timedelta(hours=1)), made)
    for role, hours, error in ((Role.ADMIN, 1, Refused), (Role.VIEWER, 2, Refused), (Role.VIEWER, 0, InvalidInput)):
        with pytest.raises(error):
            await jwt.issue(rack, token.principal(), role, hours, made)
    bounded = replace(ADMIN, name="ada", apps=frozenset({"shop"}))
    with pytest.raises(Refused):
        await jwt.issue(rack, bounded, Role.VIEWER, 1, made)


# --- browsers --------------------------------------------------------------------------------------------------


async def test_browser_stays_signed_in_across_a_restart_and_the_store_has_no_secret(tmp_path):
    async with rack_under_test(tmp_path, reconcile=False) as before:
        secret = await access.open_session(before.rack, ADMIN, "rack's own")
        first = await access.resume(before.rack, secret, "rack's own")
    files = b"".join(file.read_bytes() for file in tmp_path.glob("rack.db*"))
    assert secret.encode() not in files
    async with rack_under_test(tmp_path, reconcile=False) as after:
        assert await access.resume(after.rack, secret, "rack's own") == first
        assert first.principal is ADMIN
        with pytest.raises(Unauthenticated):
            await access.resume(after.rack, secret, "another password")


async def test_session_shows_the_user_as_they_are_now(rack, ada, made):
    secret = await access.open_session(rack, await access.authenticate(rack, "ada", PASSWORD))
    await users.allow(rack, "ada", Grant(Role.ADMIN), made)
    assert (await access.resume(rack, secret)).principal.role is Role.ADMIN


async def is_signed_in(rack, secret) -> bool:
    try:
        await access.resume(rack, secret)
    except Unauthenticated:
        return False
    return True


async def test_sessions_end_by_signing_out_by_time_by_a_new_password_and_by_removal(rack, ada, made):
    ada = await access.authenticate(rack, "ada", PASSWORD)
    first, second = [await access.open_session(rack, ada) for _ in range(2)]
    await access.close_session(rack, first)
    await access.close_session(rack, first)
    assert [await is_signed_in(rack, secret) for secret in (first, second)] == [False, True]
    rack.clock.step = browsers.LASTS
    assert not await is_signed_in(rack, second)
    rack.clock.step = timedelta(0)
    await access.close_all(rack, "ada")
    assert not await is_signed_in(rack, second)
    third = await access.open_session(rack, ada)
    await users.change_password(rack, "ada", (PASSWORD, OTHER), made)
    assert not await is_signed_in(rack, third)
    fourth = await access.open_session(rack, ada)
    await users.remove(rack, "ada", made)
    assert not await is_signed_in(rack, fourth)
    with pytest.raises(Unauthenticated):
        await access.open_session(rack, ada)


async def test_signed_token_signs_in_no_browser_as_who_asked_for_it(rack, ada, made):
    await users.allow(rack, "ada", Grant(Role.ADMIN), made)
    signed = await jwt.issue(rack, await access.authenticate(rack, "ada", PASSWORD), Role.VIEWER, 1, made)
    as_much = await jwt.issue(rack, await access.authenticate(rack, "ada", PASSWORD), Role.ADMIN, 1, made)
    for text in (signed, as_much):
        with pytest.raises(Unauthenticated):
            await access.open_session(rack, await access.authenticate(rack, "jwt", text))


async def test_tokens_sign_in_no_browser_and_nonsense_is_no_session(rack, made):
    token, _ = await tokens.create(rack, TokenWish(VIEWER, "ci"), made)
    with pytest.raises(Unauthenticated):
        await access.open_session(rack, token.principal())
    for secret in ("", "x"):
        assert not await is_signed_in(rack, secret)
