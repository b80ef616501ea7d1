"""What differs between releases, by meaning; and that values that are not to be seen are not there."""

from hypothesis import given
from hypothesis import strategies as st

from sternway.core import difference
from sternway.core.app import Settings
from sternway.core.difference import Change, Kind, SourceFile
from sternway.core.environment import Environment

ENVIRONMENTS = st.dictionaries(st.sampled_from("ABCD"), st.text("xyz", max_size=3)).map(Environment)
WEB = "services:\n  web:\n    port: 3000\n"


@given(ENVIRONMENTS, ENVIRONMENTS)
def test_variables_are_told_by_name_and_never_by_value(before, after):
    found = difference.environments(before, after)
    assert {change.name for change in found} == {
        name for name in {*before, *after} if before.get(name) != after.get(name)
    }
    assert all(change.before is None and change.after is None for change in found)


@given(ENVIRONMENTS, ENVIRONMENTS)
def test_what_was_revealed_leads_from_one_environment_to_the_other(before, after):
    values = dict(before)
    for change in difference.environments(before, after, reveal=True):
        if change.after is None:
            del values[change.name]
        else:
            values[change.name] = change.after
    assert Environment(values) == after


def test_a_manifest_that_is_only_written_differently_means_the_same():
    assert difference.manifests(WEB, "# web\nservices: {web: {port: 'http:3000'}}\n") == ()


def test_keys_of_a_service_are_named_with_both_values():
    found = difference.manifests(WEB, WEB + "    scale: 2\n    health: /up\n")
    assert found is not None
    assert Change("services.web.health.path", Kind.CHANGED, "/", "/up") in found
    assert Change("services.web.scale.count.min", Kind.CHANGED, "1", "2") in found
    assert len(found) == 3


def test_a_service_that_came_or_went_is_one_change():
    (found,) = difference.manifests(WEB, WEB + "  worker:\n    command: work\n") or ()
    assert (found.name, found.kind) == ("services.worker", Kind.ADDED)
    assert '"command": "work"' in (found.after or "")


def test_variables_of_a_service_are_told_by_name():
    found = difference.manifests(WEB + "    environment: [A=1]\n", WEB + "    environment: [A=2, B]\n") or ()
    assert {change.name.rpartition(".environment.")[2] for change in found} == {"A.default", "B"}


def test_a_manifest_that_cannot_be_read_is_not_compared():
    assert difference.manifests(WEB, "services: [") is None


def test_texts_differ_as_diff_writes_it():
    text = difference.unified(WEB, WEB.replace("3000", "4000"), ("R1", "R2"))
    assert text.startswith("--- R1\n+++ R2\n")
    assert "-    port: 3000\n+    port: 4000\n" in text
    assert difference.unified(WEB, WEB, ("R1", "R2")) == ""


def test_settings_are_lock_scale_and_parameters():
    found = difference.settings(
        Settings(scale={"web": 1}, parameters={"Standby": "5m"}), Settings(locked=True, scale={"web": 2, "worker": 1})
    )
    assert found == (
        Change("lock", Kind.CHANGED, "no", "yes"),
        Change("parameters.Standby", Kind.REMOVED, "5m", None),
        Change("scale.web", Kind.CHANGED, "1", "2"),
        Change("scale.worker", Kind.ADDED, None, "1"),
    )


def test_files_differ_by_their_bytes_and_not_by_their_order():
    a, b = SourceFile(1, "a"), SourceFile(2, "b")
    assert difference.files({"x": a, "y": b}, {"y": b, "x": a}) == ()
    assert difference.files({"x": a, "y": b}, {"x": b, "z": a}) == (
        Change("x", Kind.CHANGED, "1 B", "2 B"),
        Change("y", Kind.REMOVED, "2 B", None),
        Change("z", Kind.ADDED, None, "1 B"),
    )
