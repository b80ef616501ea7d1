"""Going back with open eyes: previews, differences, parts, points in time, settings."""

import io
import tarfile
from unittest.mock import AsyncMock

import pytest

from sternway.core.difference import Kind
from sternway.core.errors import InvalidInput, NotFound
from sternway.core.formation import Route
from sternway.core.promotion import PromotionOptions, PromotionStatus
from sternway.core.release import Part
from sternway.ops import apps, builds, comparison, history, preview, processes, promotions, releases, sizes
from sternway.ops.comparison import Pair
from sternway.ops.promotions import Back
from tests.rack import MANIFEST

OPTIONS = PromotionOptions()
STATEFUL = """
services:
  web:
    command: run
    port: 3000
    volumes:
      - /data
resources:
  main:
    type: postgres
"""


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
async def two(running):
    """An app with a release that was active, and one that is, with another environment."""
    await running.app()
    first = await running.deployed()
    second = (await running.release(env_text="GREETING=two")).id
    await running.promoted(second)
    return first, second


async def back(running, release_id, **how):
    copy, promotion = await promotions.go_back(
        running.rack, "shop", Back(release_id, **how), OPTIONS, running.made(reason="bad")
    )
    assert (await running.ended(promotion)).status is PromotionStatus.COMPLETED
    return copy


async def point(running, to="previous"):
    return (await history.point(running.rack, "shop", to)).release


async def test_a_preview_proves_that_it_would_work_and_changes_nothing(running, two):
    first, second = two
    found = await preview.preview(running.rack, "shop", Back(first), running.made())
    assert found.would_work
    assert {check.name for check in found.checks} >= {"release", "manifest", "environment", "artifacts", "domains"}
    assert {"engine", "router"} <= {check.name for check in found.checks}
    assert found.release.description.startswith(f"rollback to {first}")
    assert await running.active() == second
    assert [line.id for line in await releases.list_newest(running.rack, "shop")] == [second, first]


async def test_a_preview_names_the_data_that_stays_and_what_differs(running):
    await running.app()
    first = await running.deployed(manifest=STATEFUL)
    await running.promoted((await running.release(env_text="SECRET=hidden")).id)
    found = await preview.preview(running.rack, "shop", Back(first), running.made())
    assert found.stays[:2] == ["volume /data of web", "resource main (postgres)"]
    assert found.differences is not None
    assert [(c.name, c.kind) for c in found.differences.environment] == [("SECRET", Kind.REMOVED)]
    assert "hidden" not in repr(found)


async def test_a_preview_says_what_is_missing(running, two):
    build = await running.build(manifest=MANIFEST.replace("GREETING=hello", "NEEDED"))
    found = await preview.preview(running.rack, "shop", Back(build.release_id or ""), running.made())
    assert not found.would_work
    (problem,) = [check for check in found.checks if check.ok is False]
    assert (problem.name, problem.detail) == ("environment", "required env: NEEDED")


async def test_a_preview_says_that_an_artifact_is_gone(running, two):
    first, _ = two
    build_id = (await releases.get(running.rack, "shop", first)).build_id
    build = await builds.get(running.rack, "shop", build_id or "")
    running.builder.gone.add(build.artifacts["web"])
    found = await preview.preview(running.rack, "shop", Back(first), running.made())
    assert [check.name for check in found.checks if check.ok is False] == ["artifacts"]


async def test_a_preview_says_that_another_app_has_the_host(running, two):
    first, _ = two
    await running.app("other")
    route = Route("web", ("web.shop.localhost",), ())
    epoch = running.router.epoch
    await running.rack.router.apply("shop", (), epoch=epoch)
    await running.rack.router.apply("other", (route,), epoch=epoch)
    found = await preview.preview(running.rack, "shop", Back(first), running.made())
    (problem,) = [check for check in found.checks if check.ok is False]
    assert problem.detail == "taken: web.shop.localhost (other)"


async def test_a_preview_without_an_engine_says_so_and_does_not_guess(running, two):
    running.world.is_down = True
    found = await preview.preview(running.rack, "shop", Back(two[0]), running.made())
    assert not found.would_work
    assert found.is_in_standby is None
    assert found.expected_s is None


async def test_a_preview_tells_what_runs_already_and_how_long_the_like_took(running, two):
    first, second = two
    here = await preview.preview(running.rack, "shop", Back(second), running.made())
    assert here.is_in_standby
    assert here.measured == 0
    new = await running.build(source=b"other")
    cold = await preview.preview(running.rack, "shop", Back(new.release_id or ""), running.made())
    assert cold.is_in_standby is False
    assert cold.expected_s is not None
    assert (cold.measured, here.expected_s) == (2, None)
    await back(running, first)
    warm = await preview.preview(running.rack, "shop", Back(second), running.made())
    assert (warm.is_in_standby, warm.measured) == (True, 1)


async def test_the_difference_is_from_the_one_before_to_the_active_one(running, two):
    found = await comparison.compare(running.rack, "shop")
    assert (found.before.release.id, found.after.release.id) == two
    assert [(c.name, c.kind, c.after) for c in found.environment] == [("GREETING", Kind.ADDED, None)]
    assert not found.is_revealed
    assert found.manifest == ()


async def test_values_are_shown_to_who_asks_and_that_is_on_record(running, two):
    found = await comparison.reveal(running.rack, "shop", Pair(), running.made("eve", "incident"))
    assert [c.after for c in found.environment] == ["two"]
    seen, *_ = await history.of_app(running.rack, "shop")
    assert (seen.by, seen.reason) == ("eve", "incident")
    assert "GREETING" in seen.text
    assert "two" not in seen.text


async def test_who_saw_nothing_is_not_on_record(running):
    await running.app()
    await running.deployed()
    await running.deployed(source=b"other")
    before = await history.of_app(running.rack, "shop")
    assert (await comparison.reveal(running.rack, "shop", Pair(), running.made())).environment == ()
    assert await history.of_app(running.rack, "shop") == before


async def test_without_another_release_there_is_nothing_to_compare_with(running):
    await running.app()
    await running.deployed()
    with pytest.raises(NotFound, match="no other release"):
        await comparison.compare(running.rack, "shop")


async def test_files_of_both_sources_are_compared_after_the_archives_are_gone(running):
    await running.app()
    await running.deployed(source=archive(a="1", b="1"))
    await running.deployed(source=archive(b="22", c="3"))
    found = await comparison.compare(running.rack, "shop")
    assert found.files is not None
    assert [(c.name, c.kind) for c in found.files] == [
        ("a", Kind.REMOVED),
        ("b", Kind.CHANGED),
        ("c", Kind.ADDED),
    ]
    assert (found.before.files, found.after.source_bytes) == (2, 3)


async def test_sizes_of_artifacts_stay_known_when_they_are_gone(running):
    await running.app()
    await running.deployed()
    await running.deployed(source=b"other")
    before = (await comparison.compare(running.rack, "shop")).before
    assert before.build is not None
    running.builder.gone.update(before.build.artifacts.values())
    again = (await comparison.compare(running.rack, "shop")).before
    assert again.sizes == before.sizes == {name: len(each) for name, each in before.build.artifacts.items()}


async def test_sizes_that_nobody_knows_are_left_out(running, monkeypatch):
    monkeypatch.setattr(sizes, "keep", AsyncMock())
    await running.app()
    await running.deployed()
    await running.deployed(source=b"other")
    found = await comparison.compare(running.rack, "shop")
    assert set(found.before.sizes) == {"web", "worker"}
    assert found.before.build is not None
    running.builder.gone.update(found.before.build.artifacts.values())
    assert (await comparison.compare(running.rack, "shop")).before.sizes == {}


async def test_a_source_that_nobody_can_list_is_not_compared(running):
    await running.app()
    await running.deployed(source=b"no archive")
    await running.deployed(source=archive(a="1"))
    assert (await comparison.compare(running.rack, "shop")).files is None


async def test_only_the_environment_comes_back(running, two):
    first, _ = two
    third = await running.deployed(source=b"other")
    copy = await back(running, first, part=Part.ENVIRONMENT)
    newest = await releases.get(running.rack, "shop", third)
    assert (copy.build_id, dict(copy.environment)) == (newest.build_id, {})
    assert copy.description == f"environment of {first}, build of {third}"
    assert await running.active() == copy.id


async def test_only_the_build_comes_back_with_its_manifest(running, two):
    first, _ = two
    third = await running.deployed(source=b"other", manifest=MANIFEST.replace("3000", "4000"))
    copy = await back(running, first, part=Part.BUILD)
    old = await releases.get(running.rack, "shop", first)
    assert (copy.build_id, copy.manifest) == (old.build_id, old.manifest)
    assert dict(copy.environment) == {"GREETING": "two"}
    assert copy.description == f"build of {first}, environment of {third}"


async def test_a_part_needs_an_active_release_for_the_rest(running):
    await running.app()
    build = await running.build()
    with pytest.raises(InvalidInput, match="no active release"):
        await promotions.go_back(
            running.rack, "shop", Back(build.release_id or "", Part.BUILD), OPTIONS, running.made()
        )


async def test_previous_is_what_was_healthy_and_going_back_twice_returns(running, two):
    first, second = two
    bad = await running.release(env_text="GREETING=bad")
    await running.fail(bad.id, "exited")
    await running.promoted(bad.id)
    assert await point(running) == first
    once = await back(running, first)
    assert await point(running) == second
    await back(running, second)
    assert await point(running) == once.id


async def test_a_time_means_what_was_active_then(running, two):
    async with running.rack.store.read() as ledger:
        stands = await ledger.promotions.stands(await ledger.apps.get("shop"))
    assert [await point(running, stand.at.isoformat()) for stand in stands] == list(reversed(two))
    with pytest.raises(NotFound, match="no release active then"):
        await point(running, "2001-01-01T00:00:00Z")


@pytest.mark.parametrize("to", ["", "soon", "2026-11-20T14:05:00", "9" * 200])
async def test_what_is_no_point_in_time_is_refused(running, two, to):
    with pytest.raises(InvalidInput):
        await point(running, to)


async def test_settings_come_back_as_they_were_when_it_was_last_active(running):
    await running.app()
    first = await running.deployed()
    await processes.scale(running.rack, "shop", "web", 3, running.made())
    await apps.update(running.rack, "shop", running.made(), lock=True, parameters={"Standby": "1h"})
    await running.promoted((await running.release(env_text="GREETING=two")).id)
    await processes.scale(running.rack, "shop", "web", 1, running.made())
    await apps.update(running.rack, "shop", running.made(), lock=False, parameters={"Standby": "off"})
    shown = (await comparison.compare(running.rack, "shop")).settings
    assert {change.name for change in shown} == {"lock", "parameters.Standby", "scale.web"}
    await back(running, first, with_settings=True)
    settings = (await apps.get(running.rack, "shop")).app.settings
    assert (settings.locked, dict(settings.scale), dict(settings.parameters)) == (True, {"web": 3}, {"Standby": "1h"})


async def test_settings_of_a_release_that_was_never_active_are_refused_and_nothing_changes(running, two):
    never = (await running.release(env_text="GREETING=three")).id
    with pytest.raises(InvalidInput, match="never active"):
        await promotions.go_back(running.rack, "shop", Back(never, with_settings=True), OPTIONS, running.made())
    assert await running.active() == two[1]


async def test_history_says_what_was_active_when_and_how_attempts_ended(running, two):
    first, second = two
    bad = await running.release(env_text="GREETING=bad")
    await running.fail(bad.id, "exited")
    await running.promoted(bad.id)
    copy = await back(running, first)
    told = [entry for entry in await history.of_app(running.rack, "shop") if entry.subject == "release"]
    assert [(e.release, e.status, e.is_active) for e in told] == [
        (copy.id, "completed", True),
        (bad.id, "reverted", False),
        (second, "completed", False),
        (first, "completed", False),
    ]
    assert "exited" in told[1].cause
    assert (told[1].active_from, told[1].active_until) == (None, None)
    assert (told[0].by, told[0].reason, told[0].copy_of) == ("ann", "bad", first)
    assert told[2].active_until == told[0].active_from
    assert told[0].active_until is None


async def test_history_has_what_else_was_changed_with_reasons(running, two):
    await processes.scale(running.rack, "shop", "web", 2, running.made("bob", "sale"))
    await apps.update(running.rack, "shop", running.made("eve", "audit"), lock=True)
    told = await history.of_app(running.rack, "shop")
    assert [(e.text, e.by, e.reason) for e in told[:2]] == [("lock=yes", "eve", "audit"), ("web to 2", "bob", "sale")]
    assert (told[3].text, told[-1].text) == ("env add:GREETING", "created")


async def test_history_of_the_rack_has_its_apps_and_versions(running, two):
    await running.app("other")
    told = await history.of_rack(running.rack)
    assert told[0].text == "app other created"
    assert told[-1].text in ("app shop created", "version 20260101000000")
