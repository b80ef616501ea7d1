from dataclasses import replace

import pytest

from sternway.core import errors
from sternway.core.release import Build, BuildOptions, BuildStatus
from tests.store import samples
from tests.store.samples import AT, later, made

ALL_OPTIONS = BuildOptions("tmp/a.tgz", "other.yml", ("A=1", "B=ü"), "0123abc", use_cache=False, is_development=True)


async def test_a_build_reads_back_as_it_was_added(ledger, app):
    build = Build("BAAAAAAAAAA", app.id, made(reason="why"), ALL_OPTIONS, description="a fix")
    await ledger.builds.add(build)
    assert await ledger.builds.get(app, build.id) == build


async def test_the_newest_record_says_how_a_build_stands(ledger, app):
    build = samples.build(app)
    await ledger.builds.add(build)
    release = await samples.added_release(ledger, app, build_id=build.id)
    running = replace(build, status=BuildStatus.RUNNING, started_at=later(1))
    await ledger.builds.record(running, later(1))
    assert await ledger.builds.get(app, build.id) == running
    complete = replace(
        running,
        status=BuildStatus.COMPLETE,
        manifest="services: {}\n",
        artifacts={"web": "sha256:1", "worker": "sha256:2"},
        release_id=release.id,
        ended_at=later(2),
    )
    await ledger.builds.record(complete, later(2))
    assert await ledger.builds.get(app, build.id) == complete
    assert await ledger.builds.list(app, 10) == [complete]


async def test_a_build_may_name_its_release_before_that_is_added(store):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made())
        build = samples.build(app)
        await ledger.builds.add(build)
        release = samples.release(app, build.id)
        complete = replace(build, status=BuildStatus.COMPLETE, release_id=release.id)
        await ledger.builds.record(complete, AT)
        await ledger.releases.add(release)
    async with store.read() as ledger:
        assert await ledger.builds.get(app, build.id) == complete


async def test_a_build_that_names_no_release_there_is_does_not_commit(store):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made())
    with pytest.raises(errors.Conflict, match="refused a row"):
        async with store.write() as ledger:
            await ledger.builds.add(samples.build(app, release_id="RNOWHEREATA"))
    async with store.read() as ledger:
        assert await ledger.builds.list(app, 10) == []


async def test_a_build_of_another_app_is_not_found(ledger, app):
    other = await ledger.apps.add("other", made())
    build = samples.build(other)
    await ledger.builds.add(build)
    with pytest.raises(errors.NotFound, match=f"^build not found: {build.id}$"):
        await ledger.builds.get(app, build.id)


async def test_builds_are_listed_newest_first_up_to_the_limit(ledger, app):
    builds = [samples.build(app) for _ in range(4)]
    for build in builds:
        await ledger.builds.add(build)
    assert await ledger.builds.list(app, 3) == [builds[3], builds[2], builds[1]]


async def test_open_builds_are_found_across_apps_also_of_deleted_ones(ledger, app):
    other = await ledger.apps.add("other", made())
    created, ended, running = samples.build(app), samples.build(app), samples.build(other)
    for build in (created, ended, running):
        await ledger.builds.add(build)
    await ledger.builds.record(replace(ended, status=BuildStatus.FAILED, reason="no"), AT)
    running = replace(running, status=BuildStatus.RUNNING)
    await ledger.builds.record(running, AT)
    await ledger.apps.delete(other, made())
    assert await ledger.builds.list_open() == [(app, created), (replace(other, is_deleted=True), running)]


async def test_without_open_builds_the_list_is_empty(ledger):
    assert await ledger.builds.list_open() == []


async def test_the_same_id_twice_is_a_conflict(ledger, app):
    build = samples.build(app)
    await ledger.builds.add(build)
    with pytest.raises(errors.Conflict, match="refused a row"):
        await ledger.builds.add(build)


async def test_artifacts_are_those_of_the_builds_that_are_asked_for(ledger, app):
    other = await ledger.apps.add("other", samples.made())
    builds = [samples.build(owner) for owner in (app, app, other)]
    for build in builds:
        await ledger.builds.add(build)
        await ledger.builds.record(replace(build, artifacts={"web": f"image-of-{build.id}"}), AT)
    first, second, foreign = (build.id for build in builds)
    assert await ledger.builds.artifacts(app, [first, foreign, "BNOTTHEREXX"]) == {first: (f"image-of-{first}",)}
    assert set(await ledger.builds.artifacts(app, [first, second])) == {first, second}
    assert await ledger.builds.artifacts(app, []) == {}
