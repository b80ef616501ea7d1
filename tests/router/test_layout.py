"""What a version does about a router that another one left."""

import json
from pathlib import Path

import pytest

from sternway.core.errors import RouterUnavailable
from sternway.router.caddy import layout
from sternway.router.caddy.router import CaddyRouter
from tests.router import rigs
from tests.router.conftest import Home


def leave(directory: Path, number: int, readable_from: int) -> None:
    """Have a version with this layout have been there."""
    directory.mkdir(exist_ok=True)
    (directory / layout.FILE).write_text(json.dumps({"layout": number, "readable_from": readable_from, "more": 1}))


def test_a_new_directory_and_one_of_our_own_are_entered(tmp_path: Path) -> None:
    for _ in range(2):
        layout.enter(tmp_path / "router")
    assert layout.check(tmp_path / "router") == (layout.NUMBER, layout.READABLE_FROM)


def test_a_newer_layout_that_this_version_can_read_is_made_its_own(tmp_path: Path) -> None:
    leave(tmp_path, layout.NUMBER + 1, layout.NUMBER)
    layout.enter(tmp_path)
    assert layout.check(tmp_path) == (layout.NUMBER, layout.READABLE_FROM)


def test_a_note_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / layout.FILE).write_text("[]")
    with pytest.raises(RouterUnavailable, match="cannot read"):
        layout.enter(tmp_path)


async def test_a_newer_layout_that_it_cannot_read_is_left_as_it_is(own_home: Home) -> None:
    own_home.directory.mkdir()
    leave(own_home.directory, layout.NUMBER + 2, layout.NUMBER + 1)
    router = CaddyRouter(own_home.directory, own_home.listen, rigs.SystemTime())
    with pytest.raises(RouterUnavailable, match=f"layout {layout.NUMBER + 2}"):
        async with router.run():
            pass
    assert [file.name for file in own_home.directory.iterdir()] == [layout.FILE]
