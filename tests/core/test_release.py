"""Releases: what one is made of, and which it copies."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sternway.core.app import Made
from sternway.core.environment import Environment
from sternway.core.release import (
    Build,
    BuildOptions,
    Release,
    Wish,
    content,
    draft,
    rollback_description,
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


def test_releases_with_the_same_build_environment_and_manifest_have_the_same_content():
    copy = replace(PARENT, id="RFFFFFFFFFF", order=9, description="rollback", made=Made(MADE.at, "bob"))
    assert content(copy) == content(PARENT)


@pytest.mark.parametrize("change", [{"build_id": None}, {"environment": Environment()}, {"manifest": "x"}])
def test_any_other_part_is_other_content(change):
    assert content(replace(PARENT, **change)) != content(PARENT)


def test_a_rollback_says_what_it_went_back_to():
    assert rollback_description(PARENT) == "rollback to RAAAAAAAAAA (before)"
    assert rollback_description(replace(PARENT, description="")) == "rollback to RAAAAAAAAAA"
