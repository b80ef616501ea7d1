import json
import random
from pathlib import Path

import pytest

from sternway.core.errors import EngineUnavailable
from sternway.engines.process.users import COUNT, FIRST, Users


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path, random.Random(1))


def test_an_app_keeps_its_user_also_over_a_restart(users: Users, tmp_path: Path):
    assert users.of("shop") == users.of("shop") == Users(tmp_path, random.Random(2)).of("shop")


def test_no_two_apps_share_a_user_also_after_one_is_gone(users: Users):
    seen = [users.of("shop"), users.of("blog")]
    users.forget("shop")
    users.forget("unknown")
    seen += [users.of("shop"), users.of("wiki")]
    assert len(set(seen)) == 4
    assert all(FIRST <= user < FIRST + COUNT for user in seen)


def test_users_go_round_to_the_first_number_and_then_are_all_taken(users: Users, tmp_path: Path):
    last = {"first": FIRST + COUNT - 1, "next": FIRST + COUNT - 1, "apps": {}}
    (tmp_path / "users.json").write_text(json.dumps(last))
    assert [users.of("shop"), users.of("blog")] == [FIRST + COUNT - 1, FIRST]
    (tmp_path / "users.json").write_text(json.dumps(last | {"next": FIRST + 2 * COUNT - 1}))
    with pytest.raises(EngineUnavailable, match="no user is left"):
        users.of("wiki")


def test_a_damaged_file_of_users_stops_starts_and_hands_out_none_twice(users: Users, tmp_path: Path):
    (tmp_path / "users.json").write_text("{")
    with pytest.raises(EngineUnavailable, match=r"users\.json cannot be used"):
        users.of("shop")
