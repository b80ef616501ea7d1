import asyncio
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sternway import objects, ports
from sternway.core import errors
from sternway.objects import FileObjects


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(directory: Path) -> ports.Objects:
    return FileObjects(directory)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def test_what_was_put_can_be_read(store):
    assert await store.put("web", "tmp/source.tgz", chunks(b"one ", b"", b"two")) == 7
    path = await store.path("web", "tmp/source.tgz")
    assert path.read_bytes() == b"one two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=10))
async def test_any_chunks_come_out_in_order(store, monkeypatch, parts):
    monkeypatch.setattr(objects, "BUFFER_BYTES", 32)
    assert await store.put("web", "key", chunks(*parts)) == sum(map(len, parts))
    assert (await store.path("web", "key")).read_bytes() == b"".join(parts)


async def test_an_object_outlives_its_store(store, directory):
    await store.put("web", "key", chunks(b"content"))
    assert (await FileObjects(directory).path("web", "key")).read_bytes() == b"content"


async def test_a_put_replaces_the_object_of_that_key(store, directory):
    await store.put("web", "key", chunks(b"old"))
    reader = (await store.path("web", "key")).open("rb")
    await store.put("web", "key", chunks(b"new"))
    with reader:
        assert reader.read() == b"old"
    assert (await store.path("web", "key")).read_bytes() == b"new"
    assert files(directory) == ["objects/web/key"]


async def test_apps_have_their_own_keys(store):
    await store.put("web", "key", chunks(b"of web"))
    with pytest.raises(errors.NotFound, match=r"^object not found: key$"):
        await store.path("other", "key")


async def test_a_deleted_object_is_not_found(store):
    await store.put("web", "logs/build", chunks(b"content"))
    await store.delete("web", "logs/build")
    for call in (store.path, store.delete):
        with pytest.raises(errors.NotFound, match=r"^object not found: logs/build$"):
            await call("web", "logs/build")


@pytest.mark.parametrize("key", ["logs", "logs/build/more", "nothing"])
async def test_a_part_of_a_key_is_no_object(store, key):
    await store.put("web", "logs/build", chunks(b"content"))
    for call in (store.path, store.delete):
        with pytest.raises(errors.NotFound):
            await call("web", key)


@pytest.mark.parametrize("key", ["logs", "logs/build/more"])
async def test_a_key_that_is_part_of_another_is_invalid(store, directory, key):
    await store.put("web", "logs/build", chunks(b"content"))
    with pytest.raises(errors.InvalidInput, match="part of another"):
        await store.put("web", key, chunks(b"content"))
    assert files(directory) == ["objects/web/logs/build"]


BAD_KEYS = [
    "",
    ".",
    "..",
    "../key",
    "a/../../key",
    "a/./b",
    "/etc/passwd",
    "a//b",
    "a/",
    "a\0b",
    "\ud800",
    "x" * 256,
    "/".join(["x" * 200] * 6),
]


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_a_key_that_is_not_a_path_of_names_is_invalid(store, directory, key):
    for call in (store.put("web", key, chunks(b"")), store.path("web", key), store.delete("web", key)):
        with pytest.raises(errors.InvalidInput, match=r"^key: "):
            await call
    assert files(directory.parent) == []


@pytest.mark.parametrize("app", ["", "..", "a/b", "a\0b"])
async def test_an_app_is_one_name(store, app):
    with pytest.raises(errors.InvalidInput):
        await store.path(app, "key")


async def test_more_than_the_bound_is_too_large_and_leaves_nothing(directory):
    store = FileObjects(directory, max_bytes=10)
    assert await store.put("web", "fits", chunks(b"x" * 10)) == 10
    with pytest.raises(errors.TooLarge, match="10 bytes"):
        await store.put("web", "key", chunks(b"x" * 6, b"x" * 5))
    assert files(directory) == ["objects/web/fits"]


async def test_a_source_that_breaks_off_leaves_what_was_there(store, directory):
    async def broken() -> AsyncIterator[bytes]:
        yield b"new"
        raise ConnectionResetError

    await store.put("web", "key", chunks(b"old"))
    with pytest.raises(ConnectionResetError):
        await store.put("web", "key", broken())
    assert (await store.path("web", "key")).read_bytes() == b"old"
    assert files(directory) == ["objects/web/key"]


async def test_a_put_that_is_cancelled_leaves_nothing(store, directory):
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * objects.BUFFER_BYTES
            started.set()

    task = asyncio.create_task(store.put("web", "key", endless()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(directory) == []


async def test_a_start_removes_what_a_crash_left(directory, store):
    (directory / "incoming" / "leftover").write_bytes(b"half")
    FileObjects(directory)
    assert files(directory) == []


async def test_a_start_leaves_what_is_still_being_written(directory, store):
    async def with_a_start() -> AsyncIterator[bytes]:
        yield b"one "
        FileObjects(directory)
        yield b"two"

    await store.put("web", "key", with_a_start())
    assert (await store.path("web", "key")).read_bytes() == b"one two"


async def test_a_file_that_a_start_swept_away_too_early_is_made_again(directory, store, monkeypatch):
    flock = fcntl.flock
    swept: list[Path] = []

    def sweep_once(file, operation):
        if not swept:
            swept.extend((directory / "incoming").iterdir())
            swept[0].unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_once)
    await store.put("web", "key", chunks(b"content"))
    assert swept
    assert (await store.path("web", "key")).read_bytes() == b"content"


async def test_older_ones_are_listed_by_age_and_by_how_their_key_begins(store):
    for app, key in (("app-1", "tmp/a.tgz"), ("app-2", "tmp/b/c.tgz"), ("app-2", "build/B1/logs"), ("app-2", "tmpl/x")):
        await store.put(app, key, chunks(b"x"))
        os.utime(await store.path(app, key), (1000, 1000))
    await store.put("app-1", "tmp/new.tgz", chunks(b"x"))
    before = datetime.fromtimestamp(2000, UTC)
    assert await store.list_older("tmp/", before) == [("app-1", "tmp/a.tgz"), ("app-2", "tmp/b/c.tgz")]
    assert await store.list_older("tmp/", datetime.fromtimestamp(999, UTC)) == []


async def test_of_many_puts_at_once_each_is_whole(store):
    parts = [bytes([number]) * 100_000 for number in range(8)]
    await asyncio.gather(*(store.put("web", "key", chunks(part)) for part in parts))
    assert (await store.path("web", "key")).read_bytes() in parts


async def test_a_disk_that_fails_is_unavailable(store, directory):
    shutil.rmtree(directory / "incoming")
    with pytest.raises(errors.StoreUnavailable, match=r"^objects: No such file"):
        await store.put("web", "key", chunks(b"content"))


async def test_a_full_disk_is_unavailable_and_leaves_nothing(store, directory, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.StoreUnavailable, match="No space left") as caught:
        await store.put("web", "key", chunks(b"content"))
    assert caught.value.hint == "free space on its disk"
    assert files(directory) == []


def test_a_place_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.StoreUnavailable, match=r"^objects: ") as caught:
        FileObjects(tmp_path / "file" / "state")
    assert caught.value.hint
