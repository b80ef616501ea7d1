import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core import jwt
from sternway.core.access import Role, read_invitation, read_token
from sternway.core.errors import Unauthenticated
from sternway.core.jwt import Claims

KEY = b"k" * jwt.KEY_BYTES
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
CLAIMS = Claims("ada", Role.OPERATOR, NOW + timedelta(hours=1), "ada", "0f")


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: object, content: object, key: bytes = KEY) -> str:
    text = f"{part(header)}.{part(content)}"
    signature = jwt._signature(text, key)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_token_says_what_the_contract_has_it_say():
    header, content, _ = jwt.issue(CLAIMS, KEY).split(".")
    padded = content + "=" * (-len(content) % 4)
    expected = {
        "user": "ada",
        "role": "rw",
        "expiresAt": int(CLAIMS.expires_at.timestamp()),
        "by": "ada",
        "proof": "0f",
    }
    assert json.loads(base64.urlsafe_b64decode(padded)) == expected
    assert header == part({"alg": "HS256", "typ": "JWT"})


@given(st.text(max_size=40), st.sampled_from(Role), st.integers(1, 10**6))
def test_token_reads_back_as_it_was_issued(user, role, seconds):
    claims = Claims(user, role, NOW + timedelta(seconds=seconds))
    assert jwt.read(jwt.issue(claims, KEY), KEY, NOW) == claims


def test_token_of_another_maker_reads_too():
    content = {"user": "system-read", "role": "r", "expiresAt": int(NOW.timestamp()) + 5, "more": 1}
    assert jwt.read(signed({"typ": "JWT", "alg": "HS256"}, content), KEY, NOW).role is Role.VIEWER


GOOD = {"user": "ada", "role": "rwa", "expiresAt": int(NOW.timestamp()) + 60}
HS256 = {"alg": "HS256"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        ".." * 3000,
        "é.é.é",
        signed(HS256, GOOD, key=b"another"),
        signed({"alg": "none"}, GOOD),
        signed({"alg": "HS512"}, GOOD),
        signed([], GOOD),
        signed(HS256, []),
        signed(HS256, GOOD | {"role": "root"}),
        signed(HS256, GOOD | {"expiresAt": "never"}),
        signed(HS256, GOOD | {"expiresAt": 10**30}),
        signed(HS256, {"user": "ada", "role": "rwa"}),
        signed(HS256, GOOD).rpartition(".")[0] + ".",
        signed(HS256, GOOD) + "=",
        f"{part({'alg': 'none'})}.{part(GOOD)}.",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Unauthenticated, match="invalid authentication"):
        jwt.read(text, KEY, NOW)


@given(st.data())
def test_no_letter_of_a_token_can_be_another(data):
    text = jwt.issue(CLAIMS, KEY)
    at = data.draw(st.integers(0, len(text) - 2))
    letter = data.draw(st.sampled_from("AZaz09-_.").filter(lambda c: c != text[at]))
    with pytest.raises(Unauthenticated):
        jwt.read(text[:at] + letter + text[at + 1 :], KEY, NOW)


def test_token_is_good_until_its_second_and_no_longer():
    text = jwt.issue(CLAIMS, KEY)
    assert jwt.read(text, KEY, CLAIMS.expires_at - timedelta(microseconds=1)) == CLAIMS
    with pytest.raises(Unauthenticated, match="cli token is expired"):
        jwt.read(text, KEY, CLAIMS.expires_at)


@given(st.text(max_size=120))
def test_any_text_is_a_token_an_invitation_or_neither(text):
    assert read_token(text) is None or text.startswith("sternway_")
    assert read_invitation(text) is None or text.strip().startswith("invite-")
