"""Prepared dependencies: made once, at one place, read-only, whole or not there."""

import asyncio
from pathlib import Path

import pytest

from sternway.core.errors import ArtifactGone, BuildFailed
from sternway.engines.process.artifacts import Prepared
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Command, Recipe
from sternway.engines.process.dependencies.shelf import Shelf, sweep

PATIENCE_S = 10.0


def recipe(script: str = "mkdir sub; date +%N > sub/made", *, key: bytes = b"lock") -> Recipe:
    return Recipe("node", "test.lock", (key,), lambda place: (Command("script", ("sh", "-c", script), place),))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, Runner())


def silent(line: str) -> None:
    """Hear nothing."""


def made(prepared: Prepared, data: Path) -> str:
    return (prepared.directory(data) / "sub/made").read_text()


def left(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "dependencies").glob("*") if path.name != "newest")


async def test_what_was_prepared_is_used_again(shelf: Shelf, tmp_path: Path) -> None:
    lines: list[str] = []
    first = await shelf.prepare(recipe(), silent)
    before = made(first, tmp_path)
    assert await Shelf(tmp_path, Runner()).prepare(recipe(), lines.append) == first
    assert made(first, tmp_path) == before
    assert lines == [f"Dependencies from test.lock: prepared before, {first}"]


async def test_another_key_is_prepared_apart(shelf: Shelf, tmp_path: Path) -> None:
    first = await shelf.prepare(recipe(), silent)
    second = await shelf.prepare(recipe(key=b"other"), silent)
    assert left(tmp_path) == sorted([first.digest, second.digest])


async def test_nothing_of_it_can_be_written(shelf: Shelf, tmp_path: Path) -> None:
    place = (await shelf.prepare(recipe(), silent)).directory(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in (place, *place.rglob("*"))} == {0o555, 0o444}


async def test_two_that_want_the_same_at_once_share_one_preparation(shelf: Shelf, tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/count"
    found = await asyncio.gather(*(shelf.prepare(recipe(count), silent) for _ in range(3)))
    assert len(set(found)) == 1
    assert (tmp_path / "count").read_text() == "x\n"


async def test_failed_preparation_leaves_nothing_and_can_be_tried_again(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="no such package"):
        await shelf.prepare(recipe("mkdir sub; echo no such package; exit 1"), silent)
    assert left(tmp_path) == []
    shelf.check(await shelf.prepare(recipe(), silent))


async def test_cancelled_preparation_leaves_nothing_and_the_next_in_line_goes_on(shelf: Shelf, tmp_path: Path) -> None:
    begun = asyncio.Event()
    slow = f"echo begun; [ -e {tmp_path}/go ] || sleep 600"

    def hear(line: str) -> None:
        if line == "begun":
            begun.set()

    first = asyncio.create_task(shelf.prepare(recipe(slow), hear))
    second = asyncio.create_task(shelf.prepare(recipe(slow), silent))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        (tmp_path / "go").touch()
        first.cancel()
        shelf.check(await second)
    assert first.cancelled()


async def test_without_the_cache_it_is_prepared_anew_and_releases_keep_theirs(shelf: Shelf, tmp_path: Path) -> None:
    old = await shelf.prepare(recipe(), silent)
    before = made(old, tmp_path)
    new = await shelf.prepare(recipe(), silent, use_cache=False)
    assert new != old
    assert made(old, tmp_path) == before != made(new, tmp_path)
    assert await shelf.prepare(recipe(), silent) == new


async def test_what_was_interrupted_is_swept_and_the_rest_stays(shelf: Shelf, tmp_path: Path) -> None:
    whole = await shelf.prepare(recipe(), silent)
    (tmp_path / "dependencies" / ("0" * 64) / "half").mkdir(parents=True)
    sweep(tmp_path)
    assert left(tmp_path) == [whole.digest]


async def test_what_was_moved_or_is_gone_does_not_pass(shelf: Shelf, tmp_path: Path) -> None:
    prepared = await shelf.prepare(recipe(), silent)
    (tmp_path / "moved").mkdir()
    (tmp_path / "dependencies").rename(tmp_path / "moved" / "dependencies")
    for data in (tmp_path, tmp_path / "moved"):
        with pytest.raises(ArtifactGone):
            Shelf(data, Runner()).check(prepared)
