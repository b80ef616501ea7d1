import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sternway.core import errors
from sternway.core.environment import Environment
from sternway.core.release import Release, ReleaseLine
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from tests.store import samples
from tests.store.samples import made

SECRET = "correct-horse-battery-staple"

environments = st.dictionaries(
    st.from_regex(r"[A-Z_][A-Z0-9_]*", fullmatch=True), st.text(st.characters(exclude_characters="\0"))
).map(Environment)


async def test_a_release_reads_back_as_it_was_added_with_an_order(ledger, app):
    build, original = samples.build(app), await samples.added_release(ledger, app)
    await ledger.builds.add(build)
    release = Release(
        "RZZZZZZZZZZ", app.id, made(reason="why"), build.id, Environment({"A": "1=2", "B": ""}), "services: {}", "env"
    )
    release = replace(release, copy_of=original.id, is_rollback=True)
    added = await ledger.releases.add(release)
    assert added == replace(release, order=added.order)
    assert added.order > original.order
    assert await ledger.releases.get(app, release.id) == added


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(environments)
async def test_any_environment_survives_the_store(ledger, environment):
    app = await ledger.apps.add(f"app-{samples.id_of('')}", made())
    added = await samples.added_release(ledger, app, environment=environment)
    assert (await ledger.releases.get(app, added.id)).environment == environment


async def test_a_release_of_another_app_is_not_found(ledger, app):
    other = await ledger.apps.add("other", made())
    release = await samples.added_release(ledger, other)
    with pytest.raises(errors.NotFound, match=f"^release not found: {release.id}$"):
        await ledger.releases.get(app, release.id)


async def test_the_newest_goes_by_order_and_not_by_the_clock(ledger, app):
    assert await ledger.releases.newest(app) is None
    await samples.added_release(ledger, app)
    early = replace(samples.release(app), made=replace(made(), at=samples.later(-1000)))
    added = await ledger.releases.add(early)
    assert await ledger.releases.newest(app) == added


async def test_lists_show_the_newest_first_up_to_the_limit(ledger, app):
    releases = [await samples.added_release(ledger, app, description=f"{n}") for n in range(4)]
    newest = releases[-1]
    lines = await ledger.releases.list(app, 3)
    assert [line.description for line in lines] == ["3", "2", "1"]
    assert lines[0] == ReleaseLine(newest.id, newest.made, None, "3", None, False, newest.order)


async def test_the_newest_other_release_with_the_same_content_is_the_original(ledger, app):
    build = samples.build(app)
    await ledger.builds.add(build)
    await samples.added_release(ledger, app)
    first, second = [await samples.added_release(ledger, app, build_id=build.id) for _ in range(2)]
    assert await ledger.releases.original(app, second) == first
    assert await ledger.releases.original(app, replace(second, id="RZZZZZZZZZZ")) == second
    assert await ledger.releases.original(app, replace(second, environment=Environment({"A": "1"}))) is None
    assert await ledger.releases.original(app, replace(second, manifest="other")) is None


async def test_no_value_of_an_environment_is_in_any_file_of_the_store(store, database):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made(by="someone-to-find"))
        await samples.added_release(ledger, app, environment=Environment({"PASSWORD": SECRET}))
    files = {file.name: file.read_bytes() for file in database.parent.glob(f"{database.name}*")}
    assert b"someone-to-find" in files[f"{database.name}-wal"]
    assert not [name for name, content in files.items() if SECRET.encode() in content or b"PASSWORD" in content]


async def test_another_key_opens_no_environment(store, database, tmp_path):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made())
        release = await samples.added_release(ledger, app)
    stranger = SqlStore(database, KeyFile(tmp_path / "other-key"))
    async with stranger.run(), stranger.read() as ledger:
        with pytest.raises(errors.Corrupt, match=release.id):
            await ledger.releases.get(app, release.id)
        assert [line.id for line in await ledger.releases.list(app, 10)] == [release.id]


async def test_an_environment_that_was_moved_to_another_release_does_not_open(store, database):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made())
        one, other = [await samples.added_release(ledger, app, environment=Environment({"A": value})) for value in "12"]
    _move_environment(database, source=one.id, target=other.id)
    async with store.read() as ledger:
        assert (await ledger.releases.get(app, one.id)).environment == Environment({"A": "1"})
        with pytest.raises(errors.Corrupt, match=other.id):
            await ledger.releases.get(app, other.id)


def _move_environment(database, *, source, target):
    """Do what someone with the file but without the key could: take the trigger away first."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("DROP TRIGGER releases_no_update")
    connection.execute(
        "UPDATE releases SET env = (SELECT env FROM releases WHERE id = ?) WHERE id = ?", (source, target)
    )
    connection.close()
