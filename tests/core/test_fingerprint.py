"""Fingerprints: never the same for different content, never different for the same, and they give nothing away."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sternway.core.app import Made
from sternway.core.environment import Environment
from sternway.core.formation import (
    Containment,
    Formation,
    FormationKey,
    HealthCheck,
    Limits,
    Volume,
    fingerprint_content,
)
from sternway.core.release import Release, content
from sternway.secrets import KeyFile
from tests.core.test_history import START

WORDS = st.text(st.sampled_from('ab"=\n,[]{}:\\ü\0'), max_size=4)
NAMES = st.sampled_from(["A", "B", "A=B", "AB"])
ENVIRONMENTS = st.dictionaries(NAMES, WORDS, max_size=3).map(Environment)
MADE = Made(START, "ann")
RELEASES = st.builds(
    Release,
    id=st.sampled_from(["R1", "R2"]),
    app_id=st.just(1),
    made=st.just(MADE),
    build_id=st.sampled_from([None, "B", "B1"]),
    environment=ENVIRONMENTS,
    manifest=WORDS,
    description=WORDS,
    order=st.integers(0, 3),
)
FORMATIONS = st.builds(
    Formation,
    key=st.builds(FormationKey, st.sampled_from(["a", "ab"]), st.sampled_from(["b", "web"]), st.just("")),
    artifact=WORDS,
    command=st.none() | WORDS,
    environment=ENVIRONMENTS,
    labels=st.dictionaries(NAMES, WORDS, max_size=1),
    release_id=st.sampled_from(["R1", "R2"]),
    port=st.none() | st.integers(1, 3),
    health=st.builds(HealthCheck, path=st.none() | WORDS),
    limits=st.builds(Limits, st.none() | st.integers(1, 2), st.none() | st.integers(1, 2)),
    volumes=st.lists(st.builds(Volume, WORDS, st.none() | WORDS), max_size=2).map(tuple),
    containment=st.builds(Containment, user=st.none() | st.integers(0, 1), is_read_only=st.booleans()),
)


def meaning(formation: Formation) -> tuple[object, ...]:
    """All that changes a running process."""
    f = formation
    key = (f.key.app, f.key.service)
    return key, f.artifact, f.command, f.environment, f.port, f.limits, f.volumes, f.containment


@settings(max_examples=300, deadline=None)
@given(RELEASES, RELEASES)
def test_releases_are_copies_of_each_other_exactly_if_build_environment_and_manifest_are_the_same(one, other):
    is_same = (one.build_id, one.environment, one.manifest) == (other.build_id, other.environment, other.manifest)
    assert (content(one) == content(other)) == is_same


@given(RELEASES)
def test_a_copy_under_another_name_at_another_time_has_the_same_content(release):
    again = Environment(dict(reversed(list(release.environment.items()))))
    copy = replace(release, id="R9", description="rollback", order=9, copy_of=release.id, environment=again)
    assert content(copy) == content(release)


@settings(max_examples=300, deadline=None)
@given(FORMATIONS, FORMATIONS)
def test_formations_are_the_same_exactly_if_the_same_would_run(one, other):
    assert (fingerprint_content(one) == fingerprint_content(other)) == (meaning(one) == meaning(other))


@given(FORMATIONS, FORMATIONS)
def test_no_two_contents_in_a_row_read_as_others(one, other):
    """What is hashed is one JSON value, so that no text in it can pass for structure."""
    for each in (one, other):
        read = json.loads(fingerprint_content(each))
        assert read["environment"] == dict(each.environment)
        assert read["command"] == each.command


@settings(max_examples=30, deadline=None)
@given(secret=st.text(st.characters(codec="utf-8"), min_size=6, max_size=30))
def test_a_fingerprint_reveals_nothing_of_a_secret(tmp_path_factory, secret):
    """It is of one length whatever the secret is, and without the key nobody can try secrets out."""
    release = Release("R1", 1, MADE, "B", Environment({"PASSWORD": secret}), "")
    one, other = (KeyFile(tmp_path_factory.mktemp("key") / name) for name in ("one", "other"))
    found = one.fingerprint(content(release))
    empty = one.fingerprint(content(replace(release, environment=Environment())))
    assert secret not in found
    assert len(found) == len(empty)
    assert found != empty
    assert found != other.fingerprint(content(release))
