from datetime import UTC, datetime

import pytest

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack

TEXT = "sternway_0123456789ab_" + "0" * 48
TOKENS = [
    types.Token("0123456789ab", "ci", "rw", ["shop"], "active", datetime(2027, 2, 18, tzinfo=UTC)),
    types.Token("ba9876543210", "old", "r", None, "expired", datetime(2026, 1, 1, tzinfo=UTC)),
    types.Token("ca9876543210", "watch", "r", None, "active"),
]


def test_tokens_are_listed_without_their_texts(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /tokens", TOKENS)
    assert run("tokens").out == run("tokens", "list").out
    assert run("tokens").out.splitlines() == [
        "NAME   ID            ROLE  APPS               EXPIRES",
        "ci     0123456789ab  rw    shop               2027-02-18",
        "old    ba9876543210  r     all, and the rack  expired",
        "watch  ca9876543210  r     all, and the rack  never",
    ]


def test_token_alone_is_on_stdout_and_what_to_do_with_it_is_not(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /tokens", types.Token("0123456789ab", "ci", token=TEXT))
    ended = run("tokens", "create", "--name", "ci", "--expires", "90d", "-a", "shop")
    assert (ended.code, ended.out) == (0, f"{TEXT}\n")
    assert "RACK_URL=http://token:TOKEN@127.0.0.1" in ended.err
    assert TEXT not in ended.err
    assert rack.request("POST /tokens").form == {"name": "ci", "expires": "2160h", "role": "rw", "apps": "shop"}


@pytest.mark.parametrize("text", ["0d"])
def test_token_that_would_be_over_already_is_not_asked_for(run: Run, rack: ScriptedRack, text: str) -> None:
    assert run("tokens", "create", "--expires", text).code == 2
    assert rack.requests == []


def test_token_is_revoked(run: Run, rack: ScriptedRack) -> None:
    rack.on("DELETE /tokens/ci", Answer())
    assert run("tokens", "revoke", "ci").out == "Revoking token ci... OK\n"


def test_access_prints_a_rack_url_that_holds_no_password_of_ours(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /system/jwt/token", types.SignedToken("a.b.c"))
    ended = run("rack", "access", "--role", "write", "--duration-in-hours", "8")
    assert ended.out.startswith("RACK_URL=http://jwt:a.b.c@127.0.0.1:")
    assert rack.request("POST /system/jwt/token").form == {"role": "write", "durationInHour": "8"}


def test_key_of_access_is_rotated(run: Run, rack: ScriptedRack) -> None:
    rack.on("PUT /system/jwt/rotate", Answer())
    assert run("rack", "access", "key", "rotate").out == "Rotating the key of rack access... OK\n"
