import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sternway.core.errors import ManifestInvalid
from sternway.core.manifest import not_yet_effective, parse
from sternway.core.manifest.service import Service
from tests.core.manifest.texts import errors, manifest, warnings

SECRET = "s3cr3tv4lu3"
KEYS = [*Service.attributes(), *Service.foreign, "nonsense", "type", "command", "schedule", "service", "ports"]
SECTIONS = ["services", "resources", "timers", "balancers", "environment", "labels", "params", "configs", "budget", "x"]
SCALARS = st.sampled_from(
    ["", "1", "3000", "true", "a.org", "/a", "${X}", "${X}:${X}", "web", "* * * * *", "A=${X}", "~"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS | st.sampled_from(KEYS), inner, max_size=3),
)
MANIFESTS = st.dictionaries(
    st.sampled_from(SECTIONS),
    VALUES
    | st.dictionaries(
        st.sampled_from(["web", "job", "${X}", "Bad Name"]),
        VALUES | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
        max_size=3,
    ),
    min_size=1,
    max_size=4,
)


def lines_of(text, variables=None) -> tuple[str, ...]:
    """Return the errors or the warnings of any text; other exceptions fail the test."""
    try:
        return parse(text, variables).warnings
    except ManifestInvalid as exc:
        return tuple(exc.message.split("\n"))


def assert_lines(lines):
    for line in lines:
        place, separator, _ = line.partition(": ")
        assert place
        assert separator
        assert line.rpartition("(line ")[2].rstrip(")").isdigit()


@given(st.text() | st.text(alphabet=string.printable) | st.text(alphabet="ab:&*<-? \n{}[],'\"|>!%#$~1"))
def test_any_text_gives_a_manifest_or_errors_with_lines(text):
    assert_lines(lines_of(text))
    assert_lines(lines_of(text, {"a": "b"}))


@given(st.binary())
def test_any_bytes_give_a_manifest_or_errors_with_lines(content):
    assert_lines(lines_of(content))


@settings(max_examples=200)
@given(MANIFESTS)
def test_any_structure_gives_a_manifest_or_errors_with_lines(content):
    text = yaml.safe_dump(content, sort_keys=False)
    assert_lines(lines_of(text))
    assert_lines(lines_of(text, {"X": "3000"}))
    assert_lines(lines_of(text, {}))


@settings(max_examples=200)
@given(
    MANIFESTS,
    st.sampled_from([SECRET, f"{SECRET}: [", f"{SECRET}\nx", f"a,{SECRET}", f"10.0.0.0/{SECRET}", f"A{SECRET}"]),
)
def test_no_line_ever_holds_the_value_of_a_variable(content, value):
    for line in lines_of(yaml.safe_dump(content, sort_keys=False), {"X": value}):
        assert SECRET not in line


@given(st.text(alphabet=string.printable) | st.text(max_size=50))
def test_interpolation_gives_exactly_the_value(value):
    web = parse("services: {web: {image: 'a${X}b', command: ['${X}'], test: ${X}}}", {"X": value}).manifest.services[
        "web"
    ]
    assert web.image == f"a{value}b"
    assert web.test == (value or None)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["port: 1", "scale: 2", "drain: 3"])))
def test_reading_twice_gives_the_same(services):
    text = "services:\n  web:\n" + "".join(f"  {name}: {{{body}}}\n" for name, body in services.items())
    assert parse(text) == parse(text)


def test_warnings_of_a_file_with_errors_are_not_lost():
    with pytest.raises(ManifestInvalid) as caught:
        parse("services:\n  web:\n    port: none\n    prot: 3000\n    scale: {cout: 1, cpu: many}\n")
    assert len(caught.value.message.split("\n")) == 2
    first, second = caught.value.warnings
    assert first.startswith("services.web.prot: unknown key, ignored; did you mean port?")
    assert second.startswith("services.web.scale.cout: unknown key")


def test_every_error_of_a_file_is_listed_in_its_order():
    assert errors(
        """\
        services:
          Web:
            port: 0
            port: 1
            command: ${NO}
            scale: {cpu: 2, limit: {cpu: 1}}
          job:
            health: nope
            resources: [none]
        timers:
          t: {schedule: nope, service: none}
    """,
        {},
    ) == [
        "services.Web: must be a name of lower-case letters, digits and dashes, a letter first (line 2)",
        "services.Web.port: must be a number between 1 and 65535 (line 3)",
        "services.Web.port: is there twice, first on line 3 (line 4)",
        "services.Web.command: needs NO, which the environment does not have (line 5)",
        "services.Web.scale.limit.cpu: must not be below scale.cpu (line 6)",
        "services.job.health: must begin with / and hold no spaces (line 8)",
        "services.job.resources.0: names no resource of this file (line 9)",
        "timers.t: command is missing (line 11)",
        "timers.t.schedule: must have five fields (minute, hour, day, month, weekday), or six with the year (line 11)",
        "timers.t.service: names no service of this file (line 11)",
    ]


def test_a_flood_of_errors_is_cut_off_with_their_number():
    found = errors("services:\n" + "".join(f"  s{n}: {{port: 0}}\n" for n in range(150)))
    assert len(found) == 101
    assert found[-1] == "convox.yml: and 50 more, from here on (line 102)"


def test_error_has_a_hint():
    with pytest.raises(ManifestInvalid) as caught:
        parse("")
    assert caught.value.hint


@pytest.mark.parametrize("section", ["services", "resources", "timers", "balancers", "labels", "params", "environment"])
def test_section_without_content_is_empty(section):
    assert not getattr(manifest(f"{section}:\n"), section)


@pytest.mark.parametrize("section", ["services", "resources", "timers", "balancers", "labels", "params", "budget"])
def test_section_that_is_no_map_is_refused(section):
    assert errors(f"{section}: [a]\n") == [f"{section}: must be a map (line 1)"]


def test_unknown_section_is_a_warning():
    assert warnings("servces: {}\n") == ("servces: unknown key, ignored; did you mean services? (line 1)",)


def test_app_settings_are_not_for_this_platform():
    assert warnings("appSettings: {awsLogs: {cwRetention: 7}}") == (
        "appSettings: is not for this platform, ignored (line 1)",
    )


def test_manifest_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        manifest("services: {web: }").services["web"].image = "other"  # type: ignore[misc]


def test_plain_manifest_is_effective_as_a_whole():
    text = "services: {web: {port: 3000, health: /a, scale: 2, environment: [A], singleton: true, sticky: false}}"
    assert not_yet_effective(manifest(text)) == ()


def test_what_takes_effect_later_is_named():
    found = manifest("""
        resources: {db: {type: postgres}}
        timers: {t: {command: a, schedule: "* * * * *", service: web}}
        configs: [{id: a}]
        budget: {monthlyCapUsd: 5}
        services:
          web:
            resources: [db]
            certificate: {id: a}
            port: https:3000
            health: {port: 81}
            scale: {count: 1-3, autoscale: {cpu: {threshold: 5}}}
    """)
    assert set(not_yet_effective(found)) == {
        "resources",
        "timers",
        "configs",
        "budget",
        "services.web.resources",
        "services.web.certificate",
        "services.web.port.scheme",
        "services.web.health.port",
        "services.web.scale.count",
        "services.web.scale.autoscale",
    }
