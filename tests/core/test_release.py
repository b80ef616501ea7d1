"""Releases: what one is made of, and which it copies."""

from dataclasses import replace
from datetime import UTC, datetime

from sternway.core.app import Made
from sternway.core.environment import Environment
from sternway.core.release import (
    Build,
    BuildOptions,
    Release,
    Wish,
    draft,
    find_original,
    rollback_description,
    same_content,
)

MADE = Made(datetime(2026, 11, 22, tzinfo=UTC), "ann", "because")
BUILD = Build("BAAAAAAAAAA", 1, MADE, BuildOptions("tmp/x.tgz"), "build abc first", manifest="services: {}")
PARENT = Release("RAAAAAAAAAA", 1, MADE, "BZZZZZZZZZZ", Environment({"A": "1"}), "old", "before", order=1)


def make(wish: Wish) -> Release:
    return draft(wish, id="RBBBBBBBBBB", made=MADE, app_id=1)


def test_a_build_brings_manifest_and_description_and_keeps_the_environment():
    release = make(Wish(PARENT, build=BUILD))
    assert (release.build_id, release.manifest, release.description) == (BUILD.id, BUILD.manifest, BUILD.description)
    assert release.environment == PARENT.environment


def test_an_environment_keeps_the_build_and_says_what_changed():
    release = make(Wish(PARENT, environment=Environment({"A": "2", "B": "1"})))
    assert (release.build_id, release.manifest) == (PARENT.build_id, PARENT.manifest)
    assert release.description == "env add:B change:A"


def test_an_empty_environment_stays_empty():
    assert make(Wish(PARENT, environment=Environment())).environment == Environment()


def test_an_explicit_description_wins():
    assert make(Wish(PARENT, build=BUILD, description="mine")).description == "mine"


def test_the_first_release_has_nothing_to_come_from():
    release = make(Wish(environment=Environment({"A": "1"})))
    assert (release.build_id, release.manifest, release.description) == (None, "", "env add:A")


def test_the_newest_release_with_the_same_content_is_the_original():
    older = replace(PARENT, id="RCCCCCCCCCC", order=2)
    newer = replace(PARENT, id="RDDDDDDDDDD", order=3)
    other = replace(PARENT, id="REEEEEEEEEE", environment=Environment(), order=4)
    copy = replace(PARENT, id="RFFFFFFFFFF", order=9)
    assert find_original(copy, [older, newer, other, copy]) == newer
    assert find_original(replace(copy, manifest="x"), [older, newer]) is None
    assert same_content(older, newer)


def test_a_rollback_says_what_it_went_back_to():
    assert rollback_description(PARENT) == "rollback to RAAAAAAAAAA (before)"
    assert rollback_description(replace(PARENT, description="")) == "rollback to RAAAAAAAAAA"
